"""Times as the API writes them: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def rfc3339(at: Any) -> str | None:
    """Unix seconds as `2026-11-23T06:45:55.120Z`; None for none, and for what is no time (RFC 3339, section 5.6)."""
    if isinstance(at, str):
        return at or None
    if not isinstance(at, (int, float)) or isinstance(at, bool) or not 0 < at < 253_402_300_800:
        return None
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
