"""Answers of the query API as JSON, in pieces: whole rows at a time, the time grid made once.

Shapes: https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats.
"""

from __future__ import annotations

import itertools
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
_MOST_CELLS = 1 << 18
"""Places for numbers, most of them empty, that are looked at at a time."""


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
    grid, size = Grid(times), _at_once(len(labels), len(times), mask)
    begun = False

    def written(number: int) -> bytes:
        some = slice(number * size, min((number + 1) * size, len(labels)))
        rows = np.arange(some.start, some.stop) if order is None else order[some]
        here = None if mask is None else mask[rows]
        if here is None or here.all():
            return grid.written(_heads(grid, labels[some]), values[some] if order is None else values[rows])
        return _gappy(grid, labels[some], values, rows, here)

    for rows in parallel.ahead(written, -(-len(labels) // size)):
        if rows:
            # Each begins with a comma.
            yield rows if begun else rows[1:]
            begun = True
    yield b"]}"


def _at_once(rows: int, columns: int, mask: NDArray[np.bool_] | None) -> int:
    """How many rows are written at a time; more where most of them have few numbers, as after topk."""
    if mask is None or not rows:
        return max(1, _CELLS // columns)
    numbers = int(np.count_nonzero(mask)) // rows
    return max(1, min(_CELLS // max(1, numbers), _MOST_CELLS // columns))


def _gappy(
    grid: Grid, labels: Sequence[Labels], values: NDArray[np.float64], rows: NDArray[np.int64], here: NDArray[np.bool_]
) -> bytes:
    """Those rows that have a number."""
    row, columns = np.nonzero(here)
    if not len(row):
        return b""
    counts = np.bincount(row, minlength=len(rows))
    some = np.flatnonzero(counts)
    counts = counts[some]
    firsts = columns[np.cumsum(counts) - counts].tolist()
    heads = _heads(grid, [labels[place] for place in some.tolist()], firsts)
    return grid.written(heads, values[rows[row], columns], (columns, counts))


def _heads(grid: Grid, labels: Sequence[Labels], firsts: Iterable[int] | None = None) -> list[bytes]:
    """What stands before each row's first value, of which `firsts` says at which moment it is."""
    begins = itertools.repeat(grid.firsts[0]) if firsts is None else (grid.firsts[first] for first in firsts)
    heads = [
        b'"]]},{"metric":%b,"values":[%b' % (metric(one), begin) for one, begin in zip(labels, begins, strict=False)
    ]
    heads[0] = heads[0].removeprefix(b'"]]}')
    return heads


def metric(labels: Labels) -> bytes:
    """Labels as a JSON object."""
    return orjson.dumps(dict(labels))
