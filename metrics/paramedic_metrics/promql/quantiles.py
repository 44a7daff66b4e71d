"""Quantiles of samples, and of classic histogram buckets (prometheus/promql/quantile.go)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paramedic_metrics.promql.values import Bools, Floats, Ints

_TOLERANCE = 1e-12
_NORMAL = 2.2250738585072014e-308


def of_sorted(samples: Floats, q: Floats) -> Floats:
    """The q-quantile along the last axis of samples that np.sort has sorted; Prometheus puts NaN first, NumPy last.

    Args:
        samples: shape (..., steps, n), n > 0.
        q: one a step, or one for all.
    """
    size = samples.shape[-1]
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * (size - 1)
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, size - 1)
    weight = rank - below
    low, high = _ranked(samples, below), _ranked(samples, above)
    result = np.where(weight == 0, low, low * (1 - weight) + high * weight)
    return outside(result, q)


@dataclass(frozen=True, slots=True)
class Rank:
    """Where a quantile lies among sorted samples."""

    size: int
    """Of how many."""
    below: int
    above: int
    weight: float
    """How much of the sample above is in it."""

    def between(self, low: Floats, high: Floats) -> Floats:
        """The quantile, of the samples below and above it."""
        return low if self.weight == 0 else low * (1 - self.weight) + high * self.weight


def ranked(size: int, q: float) -> Rank:
    """The q-quantile of `size` samples, 0 <= q <= 1."""
    rank = q * (size - 1)
    below = int(rank)
    return Rank(size, below, min(below + 1, size - 1), rank - below)


@dataclass(frozen=True, slots=True)
class Few:
    """A quantile by the few samples at one end."""

    rank: Rank
    largest: bool
    """Whether they are the largest, else the smallest."""
    count: int
    below: int
    """The place of the sample below the quantile among them, the outermost first."""
    above: int


_FEW = 4
"""So many samples are found faster by keeping the best than by sorting all."""


def few_ranks(size: int, q: float) -> Few | None:
    """What of `size` samples the q-quantile (0 <= q <= 1) is made of; None when that is too far from both ends."""
    rank, last = ranked(size, q), size - 1
    if size - rank.below <= _FEW:
        return Few(rank, largest=True, count=size - rank.below, below=last - rank.below, above=last - rank.above)
    if rank.above < _FEW:
        return Few(rank, largest=False, count=rank.above + 1, below=rank.below, above=rank.above)
    return None


def _ranked(samples: Floats, rank: Ints) -> Floats:
    """The sample of a rank where NaN is the smallest."""
    rank = np.broadcast_to(rank, samples.shape[:-1])
    if not np.isnan(samples[..., -1]).any():
        picked: Floats = np.take_along_axis(samples, rank[..., None], axis=-1)[..., 0]
        return picked
    missing = np.isnan(samples).sum(axis=-1)
    place = rank - missing
    picked = np.take_along_axis(samples, np.maximum(place, 0)[..., None], axis=-1)[..., 0]
    return np.where(place < 0, np.nan, picked)


def outside(result: Floats, q: Floats) -> Floats:
    """The result, or what stands for it where q is no quantile."""
    if ((q >= 0) & (q <= 1)).all():
        return result
    result = np.where(q < 0, -np.inf, result)
    result = np.where(q > 1, np.inf, result)
    return np.where(np.isnan(q), np.nan, result)


def coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets in order, those of the same bound added up. `counts` has shape (buckets, n)."""
    order = np.argsort(bounds, kind="stable")
    bounds, counts = bounds[order], counts[order]
    starts = np.flatnonzero(np.append(True, bounds[1:] != bounds[:-1]))
    if len(starts) == len(bounds):
        return bounds, counts
    return bounds[starts], np.add.reduceat(counts, starts, axis=0)


class Mended:
    """Cumulative counts made to grow, and what was wrong with them."""

    def __init__(self, bounds: Floats, counts: Floats) -> None:
        self.counts = counts.copy()
        steps = counts.shape[1]
        self.forced: Bools = np.zeros(steps, dtype=np.bool_)
        self.low, self.high = np.full(steps, np.inf), np.full(steps, -np.inf)
        self.most = np.zeros(steps)
        before = self.counts[0].copy()
        for bucket in range(1, len(self.counts)):
            self._bucket(bounds[bucket], self.counts[bucket], before)

    def _bucket(self, bound: float, now: Floats, before: Floats) -> None:
        near = _almost_equal(before, now)
        fall = (now < before) & ~near
        grown = ~near & ~fall & (now != before)
        fell = before - now
        if fall.any():
            self.forced |= fall
            self.low = np.where(fall, np.minimum(self.low, bound), self.low)
            self.high = np.where(fall, np.maximum(self.high, bound), self.high)
            self.most = np.where(fall, np.maximum(self.most, fell), self.most)
        np.copyto(now, before, where=near | fall)
        np.copyto(before, now, where=grown)


def _almost_equal(one: Floats, other: Floats) -> Bools:
    """Whether the difference is only one of rounding (util/almost/almost.go)."""
    both = np.isnan(one) & np.isnan(other)
    size = np.abs(one) + np.abs(other)
    difference = np.abs(one - other)
    tiny = (one == 0) | (other == 0) | (size < _NORMAL)
    near = np.where(
        tiny, difference < _TOLERANCE * _NORMAL, difference / np.minimum(size, np.finfo(float).max) < _TOLERANCE
    )
    return np.asarray(both | (one == other) | near)


def bucket_quantile(q: Floats, bounds: Floats, counts: Floats) -> tuple[Floats, Mended | None]:
    """The q-quantile of classic buckets, interpolated within the bucket it falls in.

    Args:
        q: shape (n,).
        bounds: upper bounds, shape (buckets,).
        counts: cumulative counts, shape (buckets, n).
    """
    bounds, counts = coalesced(bounds, counts)
    steps = counts.shape[1]
    if not np.isposinf(bounds[-1]):
        return outside(np.full(steps, np.nan), q), None
    mended = Mended(bounds, counts)
    counts = mended.counts
    if len(bounds) < 2:
        return outside(np.full(steps, np.nan), q), mended
    observations = counts[-1]
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * observations
    bucket = _first_at_least(counts[:-1], rank)
    low = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
    index = np.arange(steps)
    before = np.where(bucket > 0, counts[np.maximum(bucket - 1, 0), index], 0.0)
    count = counts[bucket, index] - before
    result = low + (bounds[bucket] - low) * ((rank - before) / count)
    result = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], result)
    result = np.where(bucket == len(bounds) - 1, bounds[-2], result)
    result = np.where(observations == 0, np.nan, result)
    return outside(result, q), mended


def _first_at_least(counts: Floats, rank: Floats) -> Ints:
    """Binary search as Go's sort.Search does it, so that NaN goes the same way."""
    low = np.zeros(len(rank), dtype=np.int64)
    high = np.full(len(rank), len(counts), dtype=np.int64)
    index = np.arange(len(rank))
    while (low < high).any():
        middle = (low + high) // 2
        reached = counts[np.minimum(middle, len(counts) - 1), index] >= rank
        open_ = low < high
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle + 1, low)
    return low


def bucket_fraction(lower: Floats, upper: Floats, bounds: Floats, counts: Floats) -> Floats:
    """The share of observations between two values, interpolated; shapes as for `bucket_quantile`."""
    bounds, counts = coalesced(bounds, counts)
    steps = counts.shape[1]
    if not np.isposinf(bounds[-1]):
        return np.full(steps, np.nan)
    total = counts[-1]
    ranks = [np.minimum(_rank_of(edge, bounds, counts), total) for edge in (lower, upper)]
    result = (ranks[1] - ranks[0]) / total
    result = np.where(lower >= upper, 0.0, result)
    nothing = (total == 0) | np.isnan(lower) | np.isnan(upper)
    return np.where(nothing, np.nan, result)


def _rank_of(edge: Floats, bounds: Floats, counts: Floats) -> Floats:
    """How many observations lie below `edge`."""
    rank: Floats = counts[-1].copy()
    done = np.zeros(len(edge), dtype=np.bool_)
    low = 0.0 if bounds[0] > 0 else -np.inf
    before = np.zeros(len(edge))
    for bucket, high in enumerate(bounds.tolist()):
        at_edge = ~done & (low >= edge)
        rank = np.where(at_edge, before, rank)
        done |= at_edge
        inside = ~done & (low < edge) & (high > edge)
        if np.isneginf(low):
            between = counts[bucket]
        else:
            between = before + (counts[bucket] - before) * (edge - low) / (high - low)
        rank = np.asarray(np.where(inside, between, rank))
        done |= inside
        before, low = counts[bucket], high
    return rank
