"""One line of a json-file log: `{"log":"…","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}`.

The format is Docker's own (https://docs.docker.com/engine/logging/drivers/json-file/). A `log` without its newline is a
part of a longer line: Docker splits at 16 KiB, and the parts carry nothing else that would join them.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from paramedic_core.errors import BadInput


class Piece(NamedTuple):
    """What one record of the file holds."""

    ns: int
    stderr: bool
    text: bytes
    """UTF-8, without the newline."""
    whole: bool
    """Whether it ends its line."""


class Decoder:
    """Decodes records; remembers the last minute, since reading times is most of the work."""

    def __init__(self) -> None:
        self._minute = ""
        self._seconds = 0

    def decode(self, raw: bytes) -> Piece:
        """One record.

        Raises:
            BadInput: it is none.
        """
        try:
            record = json.loads(raw)
            text, time = record.get("log", "\n"), record["time"]
            data = text.encode("utf-8", "replace")
            ns = self._ns(time)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise BadInput(f"not a record of a json-file log: {error}") from None
        whole = data.endswith(b"\n")
        return Piece(ns, record.get("stream") == "stderr", data[:-1].removesuffix(b"\r") if whole else data, whole)

    def _ns(self, time: str) -> int:
        # 2026-01-02T03:04:05.123456789Z; the number of digits varies.
        if time[:17] != self._minute or not time.endswith("Z"):
            moment = datetime.fromisoformat(time[:17] + "00+00:00" if time.endswith("Z") else time)
            if not time.endswith("Z"):
                return round(moment.timestamp() * 1000) * 1_000_000
            self._minute, self._seconds = time[:17], int(moment.timestamp())
        whole, _, digits = time[17:-1].partition(".")
        return (self._seconds + int(whole)) * 1_000_000_000 + int(digits[:9].ljust(9, "0") or 0)
