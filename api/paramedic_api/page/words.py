"""Sentences for people, and figures in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def size(amount: float) -> tuple[str, str]:
    """Bytes as a figure and its unit (powers of 1000, as engines and disks are sold): `("5.8", "GB")`."""
    index = 0
    while amount >= 1000 and index < len(_SIZES) - 1:
        amount /= 1000
        index += 1
    figure = f"{amount:.0f}" if amount >= 100 or index == 0 else f"{amount:.1f}"
    return figure.removesuffix(".0"), _SIZES[index]


def span(seconds: float) -> str:
    """A time span in the one unit that fits: `8.2 s`, `4 min`, `3 h`, `41 days`."""
    if seconds < 0.0995:
        return f"{max(0.0, seconds):.2f} s" if seconds >= 0.005 else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def count(number: int, one: str, many: str = "") -> str:
    """`1 container`, `2 containers`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def names(items: Sequence[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b and 4 more`."""
    if len(items) > most:
        items = [*items[: most - 1], f"{len(items) - most + 1} more"]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
