"""Few columns of a block: the same bits as the whole of it has, made once, and counted in the cache."""

from __future__ import annotations

import numpy as np
import pytest

from paramedic_core.errors import BadInput
from paramedic_metrics.series import ABSENT, STALE, bits
from paramedic_metrics.tsdb import columns
from paramedic_metrics.tsdb.block import Block, encode
from paramedic_metrics.tsdb.cache import Cache

MOMENTS = 5 * columns.WIDTH + 7


def packed() -> tuple[np.ndarray, bytes]:
    """Rows of every kind: constants, decimals of each order, floats as they are, equal ones, and some with holes."""
    rng = np.random.default_rng(7)
    counters = np.round(np.cumsum(rng.exponential(1.0, (6, MOMENTS)), axis=1), 2)
    bent = np.cumsum(np.cumsum(rng.integers(0, 9, (2, MOMENTS)), axis=1), axis=1).astype(float)
    values = np.vstack([counters, bent, rng.random((3, MOMENTS)), np.full((2, MOMENTS), 4.5), counters[:2]])
    values[0, 60:70], values[1, 130], values[9, 3:200] = ABSENT, STALE, np.nan
    return values, encode(np.arange(len(values), dtype=np.uint32), np.arange(MOMENTS, dtype=np.int64), values)


def read(made: Block, cache: Cache, rows: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    out = np.full((len(made.ids) + 1, span[1] - span[0] + 2), 7.0)
    assert columns.few(made, rows, span)
    columns.fill(made, out, rows, span, 1, key=("one", 0), cache=cache, fetch=made.stripe)
    return out


@pytest.mark.parametrize(
    "span", [(0, 1), (0, 64), (50, 78), (63, 65), (64, 128), (310, MOMENTS), (MOMENTS - 1, MOMENTS)]
)
@pytest.mark.parametrize("every", [1, 2])
def test_the_bits_are_those_of_the_whole(span: tuple[int, int], every: int) -> None:
    values, data = packed()
    made, cache = Block(data), Cache(1 << 20)
    rows = np.full(len(values), -1)
    rows[::every] = np.arange(len(values), 0, -1)[::every]
    for _ in range(2):
        out = read(made, cache, rows, span)
        wanted = values[::every, span[0] : span[1]]
        assert (bits(np.ascontiguousarray(out[rows[::every], 1:-1])) == bits(np.ascontiguousarray(wanted))).all()
        others = np.setdiff1d(np.arange(len(out)), rows[::every])
        assert (out[others] == 7.0).all()
        assert (out[:, [0, -1]] == 7.0).all()


def test_they_are_made_once_and_weigh_what_they_take() -> None:
    values, data = packed()
    made, cache = Block(data), Cache(1 << 20)
    rows = np.arange(len(values))
    read(made, cache, rows, (70, 90))
    assert (cache.misses, cache.hits) == (1, 0)
    assert cache.bytes >= len(values) * columns.WIDTH * 8
    read(made, cache, rows, (71, 91))
    assert (cache.misses, cache.hits) == (1, 1)
    cache.forget("one")
    assert cache.bytes == 0


def test_few_rows_many_columns_or_a_short_block_are_read_as_before() -> None:
    values, data = packed()
    made, rows = Block(data), np.full(len(values), -1)
    rows[: len(values) // 3] = np.arange(len(values) // 3)
    assert not columns.few(made, rows, (0, 20))
    assert not columns.few(made, np.arange(len(values)), (0, columns.WIDTH + 1))
    short = values[:, : 2 * columns.WIDTH - 1]
    ids = np.arange(len(short), dtype=np.uint32)
    times = np.arange(short.shape[1], dtype=np.int64)
    assert not columns.few(Block(encode(ids, times, short)), np.arange(len(short)), (0, 20))


def test_damage_is_told_and_nothing_of_it_is_kept() -> None:
    values, data = packed()
    spoilt = bytearray(data)
    spoilt[-1] ^= 1
    made, cache = Block(bytes(spoilt)), Cache(1 << 20)
    with pytest.raises(BadInput):
        read(made, cache, np.arange(len(values)), (0, 20))
    assert cache.bytes == 0
