"""Blocks: what goes in comes out bit for bit, and what is alike or goes by steps takes little."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from paramedic_metrics.series import ABSENT, STALE, bits
from paramedic_metrics.tsdb.block import Block, encode

FLOATS = st.floats(width=64) | st.sampled_from([STALE, -0.0, 1e300, 0.1, 2.0**53])
OLD = bytes.fromhex(
    "504d423183d9c28d05000000040000000100000004000000050000000200000003000000670000002900000000000000000000006b70d3"
    "0c0320000000e803000000000000d007000000000000b80b000000000000a00f000000000000476019fb025e00000028b52ffd209fad02"
    "00e4020300000004000000010000000c020300f03f1000f405040000f87f110a7f023300000026000000270000000001021080f0f272ed"
    "3f8617be9e22103e82b142fecab88a1caa04b4610ae30833f34d0bec2f2b29eac029e0012a00000070636f210300030204010407000000"
    "10000080ffffffffffff7300001000080001000090c123c5363800826dd9b3011d00000070636f21030002010401040300000010000000"
    "000000000000140020009fa0657c011e00000070636f210300020104010403000000100000000000000000001c00000800"
)
"""Written before places and runs' rows were differences and changes were divided."""


def block(values: NDArray[np.float64], **more: int) -> Block:
    ids, times = np.arange(len(values), dtype=np.uint32), np.arange(values.shape[1], dtype=np.int64)
    return Block(encode(ids, times, values, **more))


def same(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    return bool((bits(np.ascontiguousarray(found)) == bits(np.ascontiguousarray(wanted))).all())


def part(made: Block, rows: list[int], span: tuple[int, int]) -> NDArray[np.float64]:
    """Some rows and columns, read as a query does."""
    to = np.full(len(made.ids), -1)
    to[rows] = np.arange(len(rows))
    out = np.full((len(rows), span[1] - span[0]), 7.0)
    made.fill(out, to, span, 0, made.stripe)
    return out


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_goes_in_comes_out(data: st.DataObject) -> None:
    columns = data.draw(st.integers(1, 12))
    kinds = st.one_of(
        st.lists(FLOATS, min_size=columns, max_size=columns),
        st.tuples(
            st.integers(-(2**40), 2**40),
            st.sampled_from([1, 3, 4096, 10**7]),
            st.sampled_from([1, 100, 10**6]),
            st.lists(st.integers(-1000, 1000), min_size=columns, max_size=columns),
        ).map(lambda given: [(given[0] + given[1] * step) / given[2] for step in given[3]]),
    )
    some = data.draw(st.lists(kinds, min_size=1, max_size=6))
    rows = data.draw(st.lists(st.sampled_from(range(len(some))), min_size=1, max_size=12))
    values = np.array([some[row] for row in rows], np.float64)
    holes = data.draw(st.lists(st.tuples(st.integers(0, len(rows) - 1), st.integers(0, columns - 1)), max_size=4))
    for row, column in holes:
        values[row, column] = ABSENT
    made = block(values)
    assert same(made.values(), values)
    begin = data.draw(st.integers(0, columns - 1))
    end = data.draw(st.integers(begin + 1, columns))
    wanted = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1)))
    assert same(part(made, wanted, (begin, end)), values[wanted, begin:end])


def test_equal_rows_are_kept_once() -> None:
    luck = np.random.default_rng(3)
    row = luck.uniform(size=240)
    one, many = encode_size(np.array([row])), encode_size(np.tile(row, (200, 1)))
    assert many < one + 300
    other = luck.uniform(size=240)
    values = np.array([row, other, row, row, other])
    values[2, 5:9] = ABSENT
    values[3, -1] = STALE
    made = block(values)
    assert same(made.values(), values)
    assert [1, 4] in [made.rows_of([number]).tolist() for number in range(made.stripes)]


def test_as_many_rows_as_a_stripe_has_are_not_always_its_rows() -> None:
    two = np.random.default_rng(3).integers(0, 100, (2, 240)).astype(np.float64)
    made = block(two[[0, 1, 0, 1]])
    assert made.stripes == 1
    for rows in ([0, 2], [1, 3], [0, 1], [2, 3], [1, 2], [0, 3]):
        assert same(part(made, rows, (3, 200)), two[[row % 2 for row in rows], 3:200])


def test_what_goes_by_steps_takes_what_its_steps_take() -> None:
    luck = np.random.default_rng(4)
    steps = luck.integers(-50, 50, (20, 720)).astype(np.float64)
    pages = 1e9 + steps * 4096
    assert encode_size(pages) < encode_size(1e9 + steps) * 1.05 + 200
    assert same(block(pages).values(), pages)
    # Other rows of the same size have none in common.
    both = np.concatenate([pages, 1e9 + luck.integers(-200_000, 200_000, (20, 720))])
    assert same(block(both).values(), both)


def test_blocks_of_before_are_read() -> None:
    made = Block(OLD)
    nan = float("nan")
    wanted = np.array(
        [[1, 1, 1, 1], [5, 9, 13, 21], [0.5, 0.25, 7.75, 1e-3], [4096, 8192, 4096, 0], [1, nan, 3, ABSENT]]
    )
    assert made.ids.tolist() == [3, 7, 8, 20, 21]
    assert made.times.tolist() == [1000, 2000, 3000, 4000]
    assert same(made.values(), wanted)


def encode_size(values: NDArray[np.float64]) -> int:
    return len(encode(np.arange(len(values), dtype=np.uint32), np.arange(values.shape[1], dtype=np.int64), values))
