"""Numbers as Prometheus' API writes them (util/jsonutil): shortest digits that read back, an exponent only far out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

_TINY, _HUGE = 1e-6, 1e21
_EXACT = float(1 << 53)


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


def value_texts(values: NDArray[np.float64]) -> list[str]:
    """Many values at once: 0.1 µs each where they are whole or of usual size."""
    if not len(values):
        return []
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    if "e" not in text and "n" not in text:
        if ".0," not in text and not text.endswith(".0]"):
            return text[1:-1].split(",")
        # `.0` ends a whole number; after an exponent's digits it cannot stand, as there is no exponent.
        return (text[1:-1] + ",").replace(".0,", ",").split(",")[:-1]
    return [
        word.removesuffix(".0") if "e" not in word and "n" not in word else value_text(value)
        for word, value in zip(text[1:-1].split(","), values.tolist(), strict=True)
    ]


def time_text(milliseconds: int) -> str:
    """A moment in seconds: three decimals, or none where it is whole."""
    sign = "-" if milliseconds < 0 else ""
    seconds, rest = divmod(abs(milliseconds), 1000)
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def time_texts(milliseconds: Sequence[int]) -> list[str]:
    """Many moments."""
    return [time_text(ms) for ms in milliseconds]


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
