"""The column functions beside plain ones that take each window by itself: on gaps, stale markers, NaN, infinities, resets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.results import MatrixResult
from paramedic_metrics.series import ABSENT, STALE, Frame, bits
from support_conformance import EVERYTHING
from support_series import MemorySeries, labels

Samples = list[tuple[int, float]]
RANGE = 90_000


def extrapolated(samples: Samples, end: int, *, counter: bool, per_second: bool) -> float | None:
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    result = last[1] - first[1]
    if counter:
        result += sum(one[1] for one, other in pairwise(samples) if other[1] < one[1])
    sampled = (last[0] - first[0]) / 1000
    average = sampled / (len(samples) - 1)
    to_start, to_end = (first[0] - (end - RANGE)) / 1000, (end - last[0]) / 1000
    to_start = average / 2 if to_start >= average * 1.1 else to_start
    to_end = average / 2 if to_end >= average * 1.1 else to_end
    if counter and result > 0 and first[1] >= 0:
        to_start = min(to_start, sampled * (first[1] / result))
    factor = (sampled + to_start + to_end) / sampled
    return result * factor / (RANGE / 1000 if per_second else 1)


def instantaneous(samples: Samples, *, counter: bool) -> float | None:
    if len(samples) < 2:
        return None
    (before, old), (at, new) = samples[-2:]
    if not counter:
        return new - old
    return (new if new < old else new - old) / ((at - before) / 1000)


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] if rank == low else ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


def extreme(values: list[float], pick: Callable) -> float:
    real = [value for value in values if not math.isnan(value)]
    return pick(real) if real else math.nan


def total(values: list[float]) -> float:
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


def line(samples: Samples, origin: int) -> tuple[float, float]:
    values = [value for _, value in samples]
    if all(value == values[0] for value in values):
        return (math.nan, math.nan) if math.isinf(values[0]) else (0.0, values[0])
    if not all(map(math.isfinite, values)):
        return math.nan, math.nan
    times = [(at - origin) / 1000 for at, _ in samples]
    slope, height = statistics.linear_regression(times, values)
    return slope, height


def changes(values: list[float]) -> float:
    pairs = pairwise(values)
    return float(sum(one != other and not (math.isnan(one) and math.isnan(other)) for one, other in pairs))


def deviation(values: list[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.pstdev(values)


def some(of: Callable[[list[float]], float]) -> Callable[[Samples, int], float | None]:
    return lambda samples, _: of([value for _, value in samples]) if samples else None


PLAIN: dict[str, Callable[[Samples, int], float | None]] = {
    "rate(x[90s])": lambda s, end: extrapolated(s, end, counter=True, per_second=True),
    "increase(x[90s])": lambda s, end: extrapolated(s, end, counter=True, per_second=False),
    "delta(x[90s])": lambda s, end: extrapolated(s, end, counter=False, per_second=False),
    "irate(x[90s])": lambda s, _: instantaneous(s, counter=True),
    "idelta(x[90s])": lambda s, _: instantaneous(s, counter=False),
    "sum_over_time(x[90s])": some(total),
    "avg_over_time(x[90s])": some(lambda values: total(values) / len(values)),
    "min_over_time(x[90s])": some(lambda values: extreme(values, min)),
    "max_over_time(x[90s])": some(lambda values: extreme(values, max)),
    "count_over_time(x[90s])": some(lambda values: float(len(values))),
    "quantile_over_time(0.3, x[90s])": some(lambda values: quantile(values, 0.3)),
    "stddev_over_time(x[90s])": some(deviation),
    "last_over_time(x[90s])": some(lambda values: values[-1]),
    "first_over_time(x[90s])": some(lambda values: values[0]),
    "changes(x[90s])": some(changes),
    "resets(x[90s])": some(lambda values: float(sum(other < one for one, other in pairwise(values)))),
    "deriv(x[90s])": lambda s, _: line(s, s[0][0])[0] if len(s) > 1 else None,
    "predict_linear(x[90s], 30)": lambda s, end: line(s, end)[0] * 30 + line(s, end)[1] if len(s) > 1 else None,
    "ts_of_last_over_time(x[90s])": lambda s, _: s[-1][0] / 1000 if s else None,
}

ordinary = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
counter = st.integers(0, 1000).map(float)
odd = st.sampled_from([math.nan, math.inf, -math.inf, STALE, ABSENT, ABSENT, 0.0])


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame of a few rows, evenly or unevenly spaced, whole or with gaps."""
    width, height = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    gaps = draw(
        st.lists(st.sampled_from([15_000, 15_000, 15_000, 7_321, 40_000, 2_000]), min_size=width, max_size=width)
    )
    cell = draw(st.sampled_from([ordinary, counter, st.one_of(ordinary, odd), st.one_of(counter, st.just(ABSENT))]))
    values = np.array(draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=height, max_size=height)))
    values.flags.writeable = False
    whole = _whole(values)
    return Frame([labels("x", row=str(row)) for row in range(height)], np.cumsum(gaps), values, whole)


def _whole(values: np.ndarray) -> bool:
    return not np.isin(bits(values), bits(np.array([ABSENT, STALE]))).any()


def window(frame: Frame, row: int, end: int) -> Samples:
    raw, gone = bits(frame.values)[row], bits(np.array([ABSENT, STALE]))
    return [
        (int(at), float(value))
        for at, value, pattern in zip(frame.times, frame.values[row], raw, strict=True)
        if end - RANGE < at <= end and pattern not in gone
    ]


@pytest.mark.parametrize("query", list(PLAIN))
@given(frame=frames(), start=st.integers(0, 200_000), step=st.sampled_from([1_000, 15_000, 33_333]))
@settings(max_examples=40, deadline=None)
def test_as_each_window_by_itself(query: str, frame: Frame, start: int, step: int) -> None:
    data = Engine(MemorySeries([frame]), options=EVERYTHING).range(query, start, start + 12 * step, step).data
    assert isinstance(data, MatrixResult)
    rows = {dict(each)["row"]: row for row, each in enumerate(data.labels)}
    for row in range(len(frame.labels)):
        for place, end in enumerate(data.times.tolist()):
            expected = PLAIN[query](window(frame, row, end), end)
            found = rows.get(str(row))
            here = found is not None and (data.mask is None or bool(data.mask[found, place]))
            assert here == (expected is not None), (row, end, expected)
            if expected is not None and found is not None:
                got = float(data.values[found, place])
                assert _near(got, expected), (row, end, got, expected, window(frame, row, end))


def _near(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)


@given(frame=frames(), start=st.integers(0, 500_000), step=st.sampled_from([1_000, 15_000, 33_333]))
@settings(max_examples=100, deadline=None)
def test_a_selector_gives_the_latest_sample_unless_stale_or_old(frame: Frame, start: int, step: int) -> None:
    data = Engine(MemorySeries([frame])).range("x", start, start + 12 * step, step).data
    assert isinstance(data, MatrixResult)
    rows = {dict(each)["row"]: row for row, each in enumerate(data.labels)}
    gone, stale = bits(np.array([ABSENT]))[0], bits(np.array([STALE]))[0]
    for row in range(len(frame.labels)):
        for place, end in enumerate(data.times.tolist()):
            known = [
                (at, value, pattern)
                for at, value, pattern in zip(frame.times, frame.values[row], bits(frame.values)[row], strict=True)
                if end - 300_000 < at <= end and pattern != gone
            ]
            expected = known[-1][1] if known and known[-1][2] != stale else None
            found = rows.get(str(row))
            here = found is not None and (data.mask is None or bool(data.mask[found, place]))
            assert here == (expected is not None)
            if expected is not None and found is not None:
                assert _near(float(data.values[found, place]), float(expected))
