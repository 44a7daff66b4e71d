"""A small chart for the terminal: one line of text a row, in block characters. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SPARKS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float | None], width: int) -> str:
    """One line that shows how values go, a blank where there is none, or none that is finite.

    Args:
        values: evenly spaced in time.
        width: columns; values that share one are averaged.
    """
    thinned = thin(_finite(values), width)
    known = [v for v in thinned if v is not None]
    if not known:
        return ""
    low, span = min(known), _span(min(known), max(known))
    return "".join(
        " " if v is None else _SPARKS[round(_span(low, v) / span * (len(_SPARKS) - 1)) if span else 0] for v in thinned
    )


def chart(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """An area of `height` rows, the highest value in the first row's label and the lowest in the last's.

    Args:
        values: evenly spaced in time.
        width: columns of the whole, labels included.
        height: rows.
    """
    finite = _finite(values)
    known = [v for v in finite if v is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    if low >= 0 and low < high / 2:
        low = 0.0  # a share of the whole is seen best from the ground
    labels = [number(high), number(low)]
    room = max(map(len, labels))
    columns = thin(finite, max(8, width - room - 2))
    span = _span(low, high)
    rows = []
    for row in range(height):
        floor = height - 1 - row
        line = "".join(_cell(v, low, span, floor, height) for v in columns)
        label = labels[0] if row == 0 else labels[1] if row == height - 1 else ""
        rows.append(f"{label:>{room}} ┤{line}".rstrip())
    return rows


def thin(values: Sequence[float | None], most: int) -> list[float | None]:
    """At most `most` values: the mean of each stretch."""
    if len(values) <= most:
        return list(values)
    found: list[float | None] = []
    for place in range(most):
        part = [v for v in values[place * len(values) // most : (place + 1) * len(values) // most] if v is not None]
        found.append(sum(v / len(part) for v in part) if part else None)  # a sum could be infinite
    return found


def number(value: float) -> str:
    """A value with few digits: `1.234`, `12.3k`, `4.5M`; very small ones as `1.2e-05`."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    size = abs(value)
    for least, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= least:
            return f"{value / (1e3 if unit == 'k' else least):.4g}{unit}"
    return f"{value:.4g}"


def _finite(values: Sequence[float | None]) -> list[float | None]:
    return [v if v is None or math.isfinite(v) else None for v in values]


def _span(low: float, high: float) -> float:
    """Half of what lies between: all of it could be infinite."""
    return high / 2 - low / 2


def _cell(value: float | None, low: float, span: float, floor: int, height: int) -> str:
    if value is None:
        return " "
    filled = _span(low, value) / span * height if span else 1.0
    part = max(0.0, min(1.0, filled - floor))
    if floor == 0 and part < 1 / 8:
        return _BLOCKS[1]  # what is there is seen, also at the ground
    return _BLOCKS[round(part * 8)]
