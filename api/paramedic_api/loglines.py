"""Lines asked of the logs role: what is wanted, in its words, and where to read on. Pure but for `find`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from paramedic_api.lists import cursor_of, key_of
from paramedic_core.errors import BadInput
from paramedic_core.sys.client import RoleClient

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
MOST = 5000
"""Lines that the logs role gives at once."""
_SEARCH_SECONDS = 8.0
"""The role itself ends a search after 3 s, and says so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines."""

    service: str = ""
    container: str = ""
    text: str = ""
    level: str = ""
    start: str = ""
    """Not before this moment, as `moment` gives it."""
    end: str = ""
    """Before this moment."""
    oldest: bool = False
    """The oldest of them first; else the newest."""

    def query(self) -> dict[str, str]:
        """What chooses lines, without the times."""
        chosen = {"service": self.service, "container": self.container, "text": self.text, "level": self.level}
        return {name: value for name, value in chosen.items() if value}


@dataclass(frozen=True, slots=True)
class Lines:
    """What was found."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    """In the order that was asked for."""
    next: str | None = None
    """The cursor of what follows."""
    partial: bool = False
    """The search was ended before it was through."""


def moment(text: str, name: str) -> str:
    """RFC 3339 or Unix seconds as Unix seconds with their fraction; empty for none.

    Raises:
        BadInput: it is neither.
    """
    if not text or (len(text) <= 20 and text.isascii() and text.replace(".", "", 1).isdecimal() and text[0] != "."):
        return text
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError("it names no zone")
        return f"{max(0.0, at.timestamp()):.6f}"
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{name} is RFC 3339 (2026-11-23T06:45:55Z) or Unix seconds: {error}") from None


def find(logs: RoleClient, wanted: Wanted, limit: int, cursor: str = "") -> Lines:
    """Ask the logs role.

    Args:
        logs: its client.
        wanted: which lines.
        limit: how many at most; of more than `MOST` in one nanosecond the rest is not found.
        cursor: `next` of the answer before.

    Raises:
        BadInput: the cursor is none.
        ParamedicError: what the role answers.
    """
    skip = 0
    if cursor:
        ns, skip = _stand(cursor)
        # The whole moment is read again, and what was given of it is passed over: lines may share a nanosecond.
        wanted = replace(wanted, start=_seconds(ns)) if wanted.oldest else replace(wanted, end=_seconds(ns + 1))
    asked = {**wanted.query(), "from": wanted.start, "to": wanted.end, "limit": str(min(limit + skip, MOST))}
    asked["direction"] = "forward" if wanted.oldest else "backward"
    answer = logs.get(f"/search?{urlencode({k: v for k, v in asked.items() if v})}", timeout=_SEARCH_SECONDS)
    lines: list[dict[str, Any]] = list(answer["lines"])[skip:]
    following = _cursor(lines, _stand(cursor) if cursor else (0, 0)) if answer["more"] and lines else None
    return Lines(lines, following, bool(answer["partial"]))


def _cursor(lines: list[dict[str, Any]], before: tuple[int, int]) -> str:
    last = int(lines[-1]["ns"])
    given = sum(1 for line in lines if int(line["ns"]) == last) + (before[1] if before[0] == last else 0)
    return cursor_of(f"{last}:{given}")


def _stand(cursor: str) -> tuple[int, int]:
    ns, _, given = key_of(cursor).partition(":")
    if not (ns.isascii() and ns.isdigit() and given.isascii() and given.isdigit() and len(ns) < 20 and len(given) < 5):
        raise BadInput("`cursor` is not one that this list has given: leave it out to start anew")
    return int(ns), int(given)


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def gap_text(line: Mapping[str, Any]) -> str:
    """A gap in words; empty for a line that is one."""
    gap = line.get("gap")
    if not isinstance(gap, dict):
        return ""
    lost = f", {gap['bytes']} bytes" if "bytes" in gap else ""
    return f"lines are missing here{lost}: {gap.get('reason', 'nobody knows why')}"
