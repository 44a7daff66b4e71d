"""Few columns of many rows of a block, as instant queries and rules want them, again and again.

A row's differences have to be added up from its beginning, which for a few columns is nearly all of the work. So columns
are made in stripes down the whole block, and those are kept.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.tsdb.block import Block, Fetch
from paramedic_metrics.tsdb.cache import Cache

WIDTH = 64
"""Columns that are made and kept together."""
_MOST_ROWS = 1 << 14
"""Of a block with more, 8 MB would be made for a few columns."""


def few(block: Block, rows: NDArray[np.int64], span: tuple[int, int]) -> bool:
    """Whether so few columns of so many rows are wanted that this is worth it."""
    begin, end = span
    if end - begin > WIDTH or len(block.times) < 2 * WIDTH or len(rows) > _MOST_ROWS:
        return False
    return 2 * int(np.count_nonzero(rows >= 0)) >= len(rows)


def fill(
    block: Block,
    out: NDArray[np.float64],
    rows: NDArray[np.int64],
    span: tuple[int, int],
    at: int,
    *,
    key: tuple[Hashable, ...],
    cache: Cache,
    fetch: Fetch,
) -> None:
    """As `Block.fill`, where `few` says so.

    Args:
        block: the block.
        out: the matrix.
        rows: for each of the block's rows, which of its; −1 for none.
        span: the block's first column and the one after the last.
        at: the matrix's column for the first.
        key: the block's name in the cache.
        cache: keeps the columns.
        fetch: gives a stripe by its number.

    Raises:
        BadInput: the block is damaged.
    """
    begin, end = span
    wanted = np.flatnonzero(rows >= 0)
    target = rows[wanted]
    for first in range(begin // WIDTH * WIDTH, end, WIDTH):

        def made(first: int = first) -> NDArray[np.float64]:
            last = min(first + WIDTH, len(block.times))
            cells = np.empty((len(block.ids), last - first))
            block.fill(cells, np.arange(len(block.ids)), (first, last), 0, fetch)
            return cells

        cells = cache.get((*key, "columns", first), made, lambda cells: cells.nbytes)
        low, high = max(begin, first), min(end, first + WIDTH)
        some = cells[:, low - first : high - first]
        out[target, at + low - begin : at + high - begin] = some if len(wanted) == len(rows) else some[wanted]
