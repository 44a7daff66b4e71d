"""Values as people write them: durations, sizes, windows, addresses. Nothing here is unitless.

Each reader takes what YAML or a text gave, and raises `Wrong` with what would be right.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence

from paramedic_core.limits import Window

# Thousandths, so that 1s543ms is exactly what 1.543s is.
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WORDS = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d", "week": "1w"}
_BYTES = {"B": 1, **{f"{p}B": 1000 ** (i + 1) for i, p in enumerate("kMGT")}, "KB": 1000}
_BYTES |= {f"{p}iB": 1024 ** (i + 1) for i, p in enumerate("KMGT")}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|[smhdw])", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})", re.ASCII)
_WINDOW = re.compile(r"(\d{1,9})\s*(?:per|/)\s*(\S+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", re.ASCII)
_LONGEST = 3650 * 86400.0


class Wrong(ValueError):
    """A value that cannot be read.

    Args:
        what: what is wrong with it, and what would be right.
        allowed: all values that are right, where they can be counted.
        given: the text to find the nearest of `allowed` for.
    """

    def __init__(self, what: str, allowed: Sequence[str] = (), given: str = "") -> None:
        super().__init__(what)
        self.allowed, self.given = tuple(allowed), given


def shown(value: object) -> str:
    """A value for an error text: short, on one line, without control characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 60 else f"{text[:57]}…"


def duration(value: object) -> float:
    """Seconds, from `90s`, `5m`, `1h30m`, `250ms`, `7d`, `2w`; at most ten years.

    Raises:
        Wrong: it has no unit, or is none.
    """
    text = value.strip() if isinstance(value, str) else value
    if _zero(text):
        return 0.0
    if _number(text):
        raise Wrong(f"{shown(text)} has no unit: write {_bare(text)}s for seconds, or a unit of ms s m h d w")
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise Wrong(f"{shown(value)} is no duration: write it as 90s, 5m, 1h30m or 7d")
    seconds = math.fsum(float(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text)) / 1000
    if seconds > _LONGEST:
        raise Wrong(f"{shown(value)} is more than ten years")
    return seconds


def size(value: object) -> int:
    """Bytes, from `64MiB`, `2GiB`, `500MB`, `4096B`.

    Raises:
        Wrong: it has no unit, or is none.
    """
    if _zero(value):
        return 0
    if _number(value):
        raise Wrong(f"{shown(value)} has no unit: write it as 64MiB, 2GiB, or {_bare(value)}B for bytes")
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Wrong(f"{shown(value)} is no size: write it as 64MiB or 2GiB")
    if match[2] not in _BYTES:
        raise Wrong(f"{shown(value)}: {match[2]!r} is no unit of bytes", tuple(_BYTES), match[2])
    # Whole numbers stay whole: a float would round them above 2^53.
    number = int(match[1]) if match[1].isdecimal() else float(match[1])
    return int(number * _BYTES[match[2]])


def window(value: object) -> Window:
    """At most so many in any such time, from `5 per 15m` or `10 per day`.

    Raises:
        Wrong: it is none, or allows nothing.
    """
    match = _WINDOW.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Wrong(f"{shown(value)} is no window: write it as 5 per 15m")
    seconds = duration(_WORDS.get(match[2], match[2]))
    if int(match[1]) < 1 or seconds < 1:
        raise Wrong(f"{shown(value)} lets nothing through: a window has at least 1 per 1s; to forbid acts use a mode")
    return Window(int(match[1]), seconds)


def address(value: object) -> str:
    """`HOST:PORT` with the host named, as it was written; empty for off.

    Raises:
        Wrong: it is none.
    """
    if value in ("", "off"):
        return ""
    if not isinstance(value, str) or ":" not in value:
        port = value if _number(value) else 9110
        raise Wrong(f"{shown(value)} is no address: write HOST:PORT, as 127.0.0.1:{port}, or off")
    host, _, port_text = value.rpartition(":")
    if not port_text.isascii() or not port_text.isdigit() or int(port_text) > 65535:
        raise Wrong(f"{shown(value)}: {shown(port_text)} is no port from 0 to 65535")
    if host in ("", "*"):
        raise Wrong(
            f"{shown(value)} names no host: 127.0.0.1:{port_text} for this machine alone, 0.0.0.0:{port_text} for all"
        )
    if not _is_host(host):
        hint = f"; an IPv6 address needs brackets, as [::1]:{port_text}" if ":" in host else ""
        raise Wrong(f"{shown(value)}: {shown(host)} is no host name or address{hint}")
    return value


def host_port(text: str) -> tuple[str, int]:
    """An address that `address` has read, in two; the host without brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(text: str) -> bool:
    """Whether an address that `address` has read can be reached from this machine alone."""
    host, _ = host_port(text)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def duration_text(seconds: float) -> str:
    """Seconds as `duration` reads them: `1h30m`, `15m`, `250ms`, `0s`."""
    left, parts = round(seconds * 1000), []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size_text(count: int) -> str:
    """Bytes as `size` reads them, in the largest unit that loses nothing."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count and count % _BYTES[unit] == 0:
            return f"{count // _BYTES[unit]}{unit}"
    return f"{count}B"


def window_text(value: Window) -> str:
    """A window as `window` reads it."""
    return f"{value.count} per {duration_text(value.seconds)}"


def _zero(value: object) -> bool:
    return value in (0, "0") and not isinstance(value, bool)


def _bare(value: object) -> str:
    return str(value)[:20]


def _number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or (
        isinstance(value, str) and bool(re.fullmatch(r"[0-9]+(\.[0-9]+)?", value))
    )


def _is_host(host: str) -> bool:
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
        return True
    return bool(_HOST.fullmatch(host))
