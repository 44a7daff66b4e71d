"""Answers of the query API as JSON, in pieces: whole rows at a time, the time grid made once.

Shapes: https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from paramedic_metrics.answer.numbers import time_text, time_texts, value_text, value_texts
from paramedic_metrics.series import Labels


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
    moment = time_text(at)
    comma = ""
    for one, text in zip(labels, value_texts(values), strict=True):
        yield f'{comma}{{"metric":{metric(one)},"value":[{moment},"{text}"]}}'.encode()
        comma = ","
    yield b"]}"


def matrix(
    labels: Sequence[Labels], times: NDArray[np.int64], values: NDArray[np.float64], mask: NDArray[np.bool_] | None
) -> Iterator[bytes]:
    """Series over one grid of times.

    Args:
        labels: one a row.
        times: Unix milliseconds, shape (T,).
        values: shape (rows, T).
        mask: where there is a value; None for everywhere. Rows without any are left out.
    """
    yield b'{"resultType":"matrix","result":['
    moments = time_texts(times.tolist())
    if not moments:
        yield b"]}"
        return
    # Between two values always the same text stands: made once, and joined around each row's values.
    parts = [piece for moment in moments for piece in (f'"],[{moment},"', "")] + ['"]]}']
    full: list[bool] = [True] * len(labels) if mask is None else np.asarray(mask.all(axis=1)).tolist()
    comma = ""
    for row, one in enumerate(labels):
        if full[row]:
            parts[0] = f'{comma}{{"metric":{metric(one)},"values":[[{moments[0]},"'
            parts[1::2] = value_texts(values[row])
            yield "".join(parts).encode()
        else:
            there = np.flatnonzero(mask[row]) if mask is not None else times
            if not len(there):
                continue
            points = _points([moments[i] for i in there.tolist()], value_texts(values[row][there]))
            yield f'{comma}{{"metric":{metric(one)},"values":{points}}}'.encode()
        comma = ","
    yield b"]}"


def samples(series: Iterable[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]) -> Iterator[bytes]:
    """Raw samples of series (an instant query of a range selector): each with times of its own."""
    yield b'{"resultType":"matrix","result":['
    comma = ""
    for labels, times, values in series:
        points = _points(time_texts(times.tolist()), value_texts(values))
        yield f'{comma}{{"metric":{metric(labels)},"values":{points}}}'.encode()
        comma = ","
    yield b"]}"


def metric(labels: Labels) -> str:
    """Labels as a JSON object."""
    return orjson.dumps(dict(labels)).decode()


def _points(moments: Sequence[str], texts: Sequence[str]) -> str:
    return "[" + ",".join([f'[{moment},"{text}"]' for moment, text in zip(moments, texts, strict=True)]) + "]"
