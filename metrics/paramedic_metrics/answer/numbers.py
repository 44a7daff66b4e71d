"""Numbers as Prometheus' API writes them (util/jsonutil): shortest digits that read back, an exponent only far out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

_TINY, _HUGE = 1e-6, 1e21


def value_text(value: float) -> str:
    """One value, as Go's `strconv.AppendFloat` gives it: format `f`, below 1e-6 and from 1e21 on format `e`."""
    if value != value:  # noqa: PLR0124  NaN, whatever its bits
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if "e" not in text:
        return text.removesuffix(".0")
    size = abs(value)
    if size == 0 or _TINY <= size < _HUGE:
        return _plain(text)
    return _exponent(text)


@dataclass(frozen=True, slots=True)
class Listed:
    """Numbers as words of one text."""

    text: NDArray[np.uint8]
    """Goes on for at least `width` bytes after any word's begin."""
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    width: int
    """At least the longest word's."""


def listed(values: NDArray[np.float64]) -> Listed:
    """Many values at once: 35 ns each.

    Args:
        values: one-dimensional, not empty.
    """
    raw = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    if b"n" in raw and not np.isinf(values).any():
        raw = raw.replace(b"null", b"NaN")
    mended = b"e" in raw or b"n" in raw
    if mended:
        raw = _mended(raw, values)
    commas = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord(","))
    ends = np.append(commas, len(raw) - 1)
    starts = np.append(1, commas + 1)
    sizes = ends - starts
    width = int(sizes.max())
    text = np.frombuffer(raw.ljust(len(raw) + width), np.uint8)
    # What is whole ends with `.0`: no other word with a point ends with a nought, and without one are only those mended.
    whole = text[ends - 1] == ord("0")
    if mended:
        whole &= text[ends - 2] == ord(".")
    return Listed(text, starts, sizes - 2 * whole, width)


def _mended(raw: bytes, values: NDArray[np.float64]) -> bytes:
    """The list with those numbers written as Go does that are none, very large or very small."""
    text = np.frombuffer(raw, np.uint8)
    odd = np.flatnonzero((text == ord("e")) | (text == ord("n")))
    commas = np.flatnonzero(text == ord(","))
    words = raw[1:-1].split(b",")
    for place in np.unique(np.searchsorted(commas, odd)).tolist():
        words[place] = value_text(float(values[place])).encode()
    return b"[" + b",".join(words) + b"]"


def value_texts(values: NDArray[np.float64]) -> list[str]:
    """Many values at once, a string each."""
    if not len(values):
        return []
    found = listed(values)
    text = found.text.tobytes().decode()
    return [text[at : at + size] for at, size in zip(found.starts.tolist(), found.sizes.tolist(), strict=True)]


def time_text(milliseconds: int) -> str:
    """A moment in seconds: three decimals, or none where it is whole."""
    sign = "-" if milliseconds < 0 else ""
    seconds, rest = divmod(abs(milliseconds), 1000)
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def time_texts(milliseconds: Sequence[int]) -> list[str]:
    """Many moments."""
    if min(milliseconds, default=0) < 0:
        return [time_text(ms) for ms in milliseconds]
    parts = [divmod(ms, 1000) for ms in milliseconds]
    return [f"{seconds}.{rest:03d}" if rest else str(seconds) for seconds, rest in parts]


def _plain(text: str) -> str:
    """A number with an exponent written out."""
    sign = "-" if text[0] == "-" else ""
    digits, _, power = text.removeprefix("-").partition("e")
    whole, _, rest = digits.partition(".")
    shift = int(power)
    if shift >= 0:
        return (
            sign + whole + rest.ljust(shift, "0")
            if len(rest) <= shift
            else f"{sign}{whole}{rest[:shift]}.{rest[shift:]}"
        )
    return f"{sign}0.{'0' * (-shift - 1)}{whole}{rest}"


def _exponent(text: str) -> str:
    """Python's exponent form as Go's: both have at least two digits in it."""
    digits, _, power = text.partition("e")
    return f"{digits.removesuffix('.0')}e{power if power[0] in '+-' else '+' + power}"
