"""What runtime must still know of endings after its own restart: one small file, written only when it changed.

The file's modification time says until when events have been taken; touching it costs no write of data.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded, write_atomic
from paramedic_runtime import book

log = logging.getLogger("paramedic.store")

_MOST = 16 << 20
_PAUSE = 2.0
"""Seconds between two writes at least. What is not written yet is replayed by the engine after a crash."""


class BookStore:
    """`DATA/runtime/endings.json`.

    Args:
        path: the file.
        clock: the time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self.records: dict[str, book.Record] = {}
        self.last_event = 0.0
        """Unix seconds of the last event whose consequences are in `records`."""
        self.heard = 0.0
        """Until when events have been taken; 0 when there is no file."""
        self.trouble = ""
        """Why it could not be written, while it cannot be."""
        self.writes = 0
        self._next = float("-inf")
        self._load()

    def save(self, records: Mapping[str, book.Record], last_event: float, heard: float, *, force: bool = False) -> bool:
        """Write it down; return False when that has to wait, or failed (then `trouble` says why)."""
        if not force and self._clock.monotonic() < self._next:
            return False
        self._next = self._clock.monotonic() + _PAUSE
        kept = {k: plain for k, r in records.items() if (plain := book.to_json(r)) != _NOTHING}
        document = {"version": 1, "last_event": last_event, "containers": kept}
        try:
            write_atomic(self._path, json.dumps(document, separators=(",", ":")).encode())
            self.writes += 1
        except OSError as error:
            if not self.trouble:
                log.warning("%s cannot be written (%s): who ended what is forgotten at a restart", self._path, error)
            self.trouble = f"{self._path} cannot be written: {error}"
            return False
        self.trouble = ""
        self.touch(heard)
        return True

    def touch(self, heard: float) -> None:
        """Nothing has changed, and events have been taken until `heard` (Unix seconds)."""
        try:
            os.utime(self._path, (heard, heard))
        except FileNotFoundError:
            return
        except OSError as error:
            self.trouble = f"{self._path} cannot be touched: {error}"

    def _load(self) -> None:
        try:
            heard = self._path.stat().st_mtime
            document = json.loads(read_bounded(self._path, _MOST))
            self.records = _records(document)
            self.last_event, self.heard = float(document["last_event"]), heard
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
            log.warning("%s is of no use (%s): endings before this start count as unwitnessed", self._path, error)
            self.records = {}


def _records(document: Any) -> dict[str, book.Record]:
    return {str(k): book.from_json(v) for k, v in document["containers"].items()}


_NOTHING: dict[str, Any] = book.to_json(book.Record())
