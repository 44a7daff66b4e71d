"""Foreign text made harmless, and numbers and times in words."""

from __future__ import annotations

import datetime as dt


def clean(value: object, most: int = 500) -> str:
    """A foreign text for a terminal: one line, no escape sequence, nothing that turns the reading direction."""
    text = str(value)
    text = "".join(c if c.isprintable() else (" " if c in "\n\t\r" else "?") for c in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"


def span(seconds: float) -> str:
    """A time in the largest two units: `3d 4h`, `5m 10s`, `12s`."""
    left = max(0, round(seconds))
    parts: list[tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count or (parts and len(parts) < 2):
            parts.append((count, unit))
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count) or "0s"


def ago(at: float, now: float) -> str:
    """`5m 10s ago`; a dash where there is no time."""
    return f"{span(now - at)} ago" if at else "–"


def moment(at: float, now: float) -> str:
    """A local time of day, with the date when it is not today."""
    if not at:
        return "–"
    there, here = (dt.datetime.fromtimestamp(t, tz=dt.UTC).astimezone() for t in (at, now))
    return there.strftime("%H:%M:%S" if there.date() == here.date() else "%Y-%m-%d %H:%M:%S")


def amount(count: float) -> str:
    """Bytes: `37.2 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 container`, `2 containers`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
