"""Small charts as SVG paths, drawn on the server: they are there before any script, and without one. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def spark(
    values: Sequence[float | None], *, low: float = 0.0, high: float = 0.0, width: float = 100.0, height: float = 38.0
) -> str:
    """The `d` of a path through `values`, oldest at the left; gaps are gaps.

    Args:
        values: evenly spaced.
        low: the value at the bottom.
        high: the value at the top; 0: the largest there is, with a little air.
        width: in the units of the view box.
        height: as `width`.
    """
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return ""
    top = high or max(known) * 1.15 or 1.0
    scale = (height - 4) / max(top - low, 1e-9)
    step = width / max(1, len(values) - 1)
    path, pen = [], False
    for index, value in enumerate(values):
        if value is None:
            pen = False
            continue
        y = height - 2 - max(0.0, min(top, value) - low) * scale
        path.append(f"{'L' if pen else 'M'}{index * step:.1f} {y:.1f}")
        pen = True
    return "".join(path)


def area(line: str, values: Sequence[float | None], *, width: float = 100.0, height: float = 38.0) -> str:
    """The area under a line without gaps; empty when it has some."""
    known = [i for i, v in enumerate(values) if v is not None]
    if not line or line.count("M") != 1:
        return ""
    step = width / max(1, len(values) - 1)
    return f"{line}L{known[-1] * step:.1f} {height:g}L{known[0] * step:.1f} {height:g}Z"


def thin(values: Sequence[float | None], most: int = 60) -> list[float | None]:
    """At most `most` points: the mean of each stretch."""
    if len(values) <= most:
        return list(values)
    thinned: list[float | None] = []
    for place in range(most):
        part = values[place * len(values) // most : (place + 1) * len(values) // most]
        known = [v for v in part if v is not None]
        thinned.append(sum(known) / len(known) if known else None)
    return thinned


def total(series: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Several series added up; a gap only where all have one."""
    return [
        sum(known) if (known := [v for v in moment if v is not None]) else None for moment in zip(*series, strict=True)
    ]
