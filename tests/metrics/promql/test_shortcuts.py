"""Ways that are only taken where they are faster: the same results as the long way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_metrics.promql import over_time, rates, topk
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.labels import LabelCache
from paramedic_metrics.promql.quantiles import of_sorted
from paramedic_metrics.promql.results import MatrixResult, VectorResult
from paramedic_metrics.promql.windows import Block, window
from paramedic_metrics.series import ABSENT, STALE, Frame, present
from support_series import MemorySeries, labels

_NUMBERS = st.sampled_from([0.0, 1.0, 1.5, 2.0, -3.0, 1e9, float("inf"), float("-inf")]) | st.floats(-1e6, 1e6)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 30), st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_quantile_near_an_end_is_that_of_all_sorted(data: st.DataObject, size: int, q: float) -> None:
    """Of windows that are equally long but for those that begin before the samples do."""
    width = size + 20
    values = np.array(data.draw(st.lists(_NUMBERS, min_size=2 * width, max_size=2 * width))).reshape(2, width)
    block = Block([(), ()], 1000 * np.arange(width, dtype=np.int64), values)
    last = np.arange(data.draw(st.integers(0, size)), width)
    ends = block.times[last]
    with np.errstate(all="ignore"):
        found, valid = over_time.quantile(window(block, ends - 1000 * size, ends), values, np.full(len(ends), q))
        for step, place in enumerate(last.tolist()):
            samples = np.sort(values[:, max(0, place + 1 - size) : place + 1], axis=1)
            assert np.array_equal(found[:, step], of_sorted(samples, np.array(q)), equal_nan=True)
    assert valid.all()


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(["topk", "bottomk"]), st.integers(1, 6), st.integers(1, 4))
def test_topk_of_many_is_that_of_all(data: st.DataObject, name: str, k: int, piece: int) -> None:
    count = 25
    values = np.array(data.draw(st.lists(st.integers(0, 9).map(float), min_size=3 * count, max_size=3 * count)))
    values = values.reshape(count, 3)
    frame = Frame([labels(name="m", i=f"{n:02}") for n in range(count)], np.array([0, 1000, 2000]), values, whole=True)
    engine = Engine(MemorySeries([frame]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "_PIECE", piece)
        found = engine.range(f"{name}({k}, m)", 0, 2000, 1000).data
        patch.setattr(topk, "_PIECE", count)
        wanted = engine.range(f"{name}({k}, m)", 0, 2000, 1000).data
    assert found.labels == wanted.labels  # type: ignore[union-attr]
    there = wanted.mask  # type: ignore[union-attr]
    assert np.array_equal(found.mask, there)  # type: ignore[union-attr]
    assert np.array_equal(np.where(there, found.values, 0), np.where(there, wanted.values, 0))  # type: ignore[union-attr]


def test_counters_near_nought_and_far_from_it_are_the_same_beside_each_other() -> None:
    grown = np.cumsum(np.random.default_rng(1).random((6, 40)), axis=1)
    values = grown + np.array([[0.0], [1e6], [0.0], [-20.0], [3.0], [1e9]])
    values[2, 20:] = 0
    values[0] -= values[0, 0]
    block = Block([()] * 6, 1000 * np.arange(40, dtype=np.int64), values)
    ends = block.times[4::3] + 300
    bounds = window(block, ends - 5000, ends)
    with np.errstate(all="ignore"):
        together, _ = rates.extrapolated(bounds, values, counter=True, per_second=True)
        for row in range(6):
            alone, _ = rates.extrapolated(bounds, values[row : row + 1], counter=True, per_second=True)
            assert np.array_equal(together[row], alone[0])
        gauge, _ = rates.extrapolated(bounds, values, counter=False, per_second=True)
    assert (together[0] < gauge[0]).any()
    assert np.array_equal(together[5], gauge[5])


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["rate", "increase", "delta"]), st.integers(0, 14_000), st.sampled_from([3, 5, 9]))
def test_one_moment_is_that_of_several(data: st.DataObject, name: str, at: int, reach: int) -> None:
    """Counters that fall, near nought and not, with gaps, in targets of their own moments."""
    frames = []
    for target in range(3):
        cells = data.draw(
            st.lists(
                _NUMBERS | st.integers(0, 9).map(float) | st.sampled_from([ABSENT, STALE]), min_size=36, max_size=36
            )
        )
        values = np.array(cells).reshape(3, 12)
        values[0] = np.cumsum(np.abs(np.nan_to_num(values[0], posinf=1.0, neginf=1.0))) - data.draw(st.integers(-2, 2))
        times = 1000 * np.arange(12, dtype=np.int64) + 300 * target
        names = [labels(name="m_total", target=str(target), i=str(row)) for row in range(3)]
        frames.append(Frame(names, times, values, whole=bool(present(values).all())))
    engine, query = Engine(MemorySeries(frames)), f"{name}(m_total[{reach}s])"
    alone = engine.instant(query, at).data
    beside = engine.range(query, at, at + 1000, 1000).data
    assert isinstance(alone, VectorResult)
    assert isinstance(beside, MatrixResult)
    here = np.ones(beside.values.shape, np.bool_) if beside.mask is None else beside.mask
    wanted = {each: row[0] for each, row, there in zip(beside.labels, beside.values, here, strict=True) if there[0]}
    found = dict(zip(alone.labels, alone.values, strict=True))
    assert found.keys() == wanted.keys()
    order = list(found)
    assert np.array_equal([found[each] for each in order], [wanted[each] for each in order], equal_nan=True)


def test_lists_of_labels_are_remembered_as_they_are_and_not_for_ever() -> None:
    cache = LabelCache()
    rows = [labels(name="m", i=str(n)) for n in range(400)]
    owned = cache.own_all(rows)
    assert cache.own_all(list(rows)) is owned
    plain, alone = cache.nameless_distinct(owned)
    assert plain == [cache.nameless(each) for each in owned]
    assert alone
    other = cache.own(labels(name="n", i="7"))
    twice, alone = cache.nameless_distinct([*owned, other])
    assert not alone
    assert twice[-1] is twice[7]
    assert cache.own_all(rows[::-1]) == rows[::-1]
    for begin in range(1_000):
        cache.own_all(rows[begin % 400 :] + rows[: begin % 400] + [rows[begin // 400]])
    assert cache.own_all(list(rows)) is not owned
    assert cache.own_all(rows) == owned
