"""Answers of the query API as JSON, in pieces: whole rows at a time, the time grid made once.

Shapes: https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from paramedic_metrics import parallel
from paramedic_metrics.answer.numbers import time_text, value_text, value_texts
from paramedic_metrics.answer.rows import Grid
from paramedic_metrics.series import Labels

_CELLS = 1 << 14
"""Numbers that are written at a time, about: what fits the processor's cache, and holds up no other thread for long."""


def success(data: Any, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> bytes:
    """A whole answer whose data is small."""
    return b"".join(framed([orjson.dumps(data)], warnings, infos))


def failure(kind: str, text: str) -> bytes:
    """An error; `kind` is Prometheus' errorType."""
    return orjson.dumps({"status": "error", "errorType": kind, "error": text})


def framed(data: Iterable[bytes], warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Iterator[bytes]:
    """The envelope around data that comes in pieces."""
    yield b'{"status":"success","data":'
    yield from data
    if warnings:
        yield b',"warnings":' + orjson.dumps(list(warnings))
    if infos:
        yield b',"infos":' + orjson.dumps(list(infos))
    yield b"}"


def scalar(at: int, value: float) -> bytes:
    """A scalar at a moment (Unix milliseconds)."""
    return f'{{"resultType":"scalar","result":[{time_text(at)},"{value_text(value)}"]}}'.encode()


def string(at: int, text: str) -> bytes:
    """A string at a moment."""
    return b'{"resultType":"string","result":[' + time_text(at).encode() + b"," + orjson.dumps(text) + b"]}"


def vector(at: int, labels: Sequence[Labels], values: NDArray[np.float64]) -> Iterator[bytes]:
    """An instant vector: one value a series, all at one moment."""
    yield b'{"resultType":"vector","result":['
    moment = time_text(at).encode()
    comma = b""
    for one, text in zip(labels, value_texts(values), strict=True):
        yield b'%b{"metric":%b,"value":[%b,"%b"]}' % (comma, metric(one), moment, text.encode())
        comma = b","
    yield b"]}"


def matrix(
    labels: Sequence[Labels],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    mask: NDArray[np.bool_] | None,
    order: NDArray[np.int64] | None = None,
) -> Iterator[bytes]:
    """Series over one grid of times.

    Args:
        labels: one a series.
        times: Unix milliseconds, shape (T,).
        values: shape (rows, T).
        mask: where there is a value; None for everywhere. Rows without any are left out.
        order: which row each series is; None for its own.
    """
    yield b'{"resultType":"matrix","result":['
    if not len(times):
        yield b"]}"
        return
    grid, size = Grid(times), max(1, _CELLS // len(times))
    begun = False

    def written(number: int) -> bytes:
        some = slice(number * size, min((number + 1) * size, len(labels)))
        rows = some if order is None else order[some]
        return _rows(grid, labels[some], values[rows], None if mask is None else mask[rows])

    for rows in parallel.ahead(written, -(-len(labels) // size)):
        if rows:
            # Each begins with a comma.
            yield rows if begun else rows[1:]
            begun = True
    yield b"]}"


def _rows(grid: Grid, labels: Sequence[Labels], values: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> bytes:
    firsts: list[int] = [0] * len(labels)
    if mask is not None and mask.all():
        mask = None
    elif mask is not None:
        some = np.flatnonzero(mask.any(axis=1))
        if not len(some):
            return b""
        labels = [labels[row] for row in some.tolist()]
        values, mask = values[some], np.asarray(mask[some])
        firsts = np.asarray(mask.argmax(axis=1)).tolist()
    heads = [
        b'"]]},{"metric":%b,"values":[%b' % (metric(one), grid.firsts[first])
        for one, first in zip(labels, firsts, strict=True)
    ]
    heads[0] = heads[0].removeprefix(b'"]]}')
    return grid.written(heads, values, mask)


def metric(labels: Labels) -> bytes:
    """Labels as a JSON object."""
    return orjson.dumps(dict(labels))
