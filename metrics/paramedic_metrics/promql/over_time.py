"""The *_over_time functions, changes and resets, over whole columns."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

import numpy as np

from paramedic_metrics.promql import exact
from paramedic_metrics.promql.quantiles import Few, few_ranks, of_sorted, ranked
from paramedic_metrics.promql.values import Bools, Floats, Ints, Rows
from paramedic_metrics.promql.windows import Window, columns, together

_PLACES = 16
"""Samples of each window between two looks at whether the query goes on."""
_GATHERED = 1 << 20
"""Samples that are gathered at a time."""
Kernel = Callable[[Window, Floats], tuple[Floats, Bools]]
"""A window and its rows' values to each step's result, and at which steps there is one."""


def _safe(index: Ints, width: int) -> Ints:
    return np.clip(index, 0, max(width - 1, 0))


def terms(window: Window, values: Floats) -> Iterator[tuple[Floats, Bools, Ints]]:
    """The samples of every window, first to last: their values, at which steps there still is one, and their columns."""
    for place in range(window.longest):
        if place % _PLACES == 0:
            window.check()
        index = window.low + place
        live = index < window.high
        index = _safe(index, values.shape[1])
        yield columns(values, index), live, index


def count(window: Window, values: Floats) -> tuple[Floats, Bools]:
    counts = window.counts
    return np.broadcast_to(counts.astype(np.float64), (len(values), len(counts))), counts > 0


def present(window: Window, values: Floats) -> tuple[Floats, Bools]:
    counts = window.counts
    return np.ones((len(values), len(counts))), counts > 0


def last(window: Window, values: Floats) -> tuple[Floats, Bools]:
    return columns(values, _safe(window.high - 1, values.shape[1])), window.counts > 0


def first(window: Window, values: Floats) -> tuple[Floats, Bools]:
    return columns(values, _safe(window.low, values.shape[1])), window.counts > 0


def total(window: Window, values: Floats) -> tuple[Floats, Bools]:
    return exact.window_sums(values, window.low, window.high, window.check), window.counts > 0


def average(window: Window, values: Floats) -> tuple[Floats, Bools]:
    counts = window.counts
    sums = exact.window_sums(values, window.low, window.high, window.check)
    means = sums / np.maximum(counts, 1)
    for number, (row, step) in enumerate(np.argwhere(~np.isfinite(sums))):
        if number % _PLACES == 0:
            window.check()
        part = values[row, window.low[step] : window.high[step]]
        if np.isfinite(part).all():
            means[row, step] = incremental_mean(part, window.check)
    return means, counts > 0


def incremental_mean(values: Floats, check: Callable[[], None] = exact.goes_on) -> float:
    """The mean of finite values whose sum overflows."""
    scaled = values / len(values)
    return float(exact.window_sums(scaled[None, :], np.array([0]), np.array([len(values)]), check)[0, 0])


def _extreme(pick: np.ufunc) -> Kernel:
    def kernel(window: Window, values: Floats) -> tuple[Floats, Bools]:
        counts = window.counts
        valid = counts > 0
        out = np.empty((len(values), len(counts)))
        levels: list[Floats] = [values]
        for level in range(max(window.longest, 1).bit_length()):
            size = 1 << level
            if level:
                below, half = levels[-1], size // 2
                levels.append(pick(below[:, :-half], below[:, half:]))
            here = np.flatnonzero((counts >= size) & (counts < 2 * size))
            if len(here) == len(counts):
                pick(columns(levels[-1], window.low), columns(levels[-1], window.high - size), out=out)
            elif len(here):
                table = levels[-1]
                low, high = window.low[here], window.high[here]
                out[:, together(here)] = pick(columns(table, low), columns(table, high - size))
            if level:
                levels.pop(0)
        return out, valid

    return kernel


maximum = _extreme(np.fmax)
minimum = _extreme(np.fmin)


def variance(window: Window, values: Floats) -> tuple[Floats, Bools]:
    """Welford's method with compensation, as Prometheus does it."""
    shape = (len(values), len(window.low))
    mean, mean_rest, aux, aux_rest = (np.zeros(shape) for _ in range(4))
    for place, (value, live, _) in enumerate(terms(window, values)):
        delta = np.where(live, value - (mean + mean_rest), 0.0)
        exact.add(mean, mean_rest, delta / (place + 1))
        exact.add(aux, aux_rest, np.where(live, delta * (value - (mean + mean_rest)), 0.0))
    return (aux + aux_rest) / np.maximum(window.counts, 1), window.counts > 0


def deviation(window: Window, values: Floats) -> tuple[Floats, Bools]:
    spread, valid = variance(window, values)
    return np.sqrt(spread), valid


def _counted(event: Callable[[Floats, Floats], Bools]) -> Kernel:
    def kernel(window: Window, values: Floats) -> tuple[Floats, Bools]:
        marks = np.zeros(values.shape, dtype=np.float64)
        if values.shape[1] > 1:
            np.cumsum(event(values[:, :-1], values[:, 1:]), axis=1, out=marks[:, 1:])
        width = values.shape[1]
        result = columns(marks, _safe(window.high - 1, width)) - columns(marks, _safe(window.low, width))
        return result, window.counts > 0

    return kernel


changes = _counted(lambda before, after: (before != after) & ~(np.isnan(before) & np.isnan(after)))
resets = _counted(lambda before, after: after < before)


def first_time(window: Window, values: Floats) -> tuple[Floats, Bools]:
    stamps = window.block.times[_safe(window.low, values.shape[1])] / 1000
    return np.broadcast_to(stamps, (len(values), len(stamps))), window.counts > 0


def last_time(window: Window, values: Floats) -> tuple[Floats, Bools]:
    stamps = window.block.times[_safe(window.high - 1, values.shape[1])] / 1000
    return np.broadcast_to(stamps, (len(values), len(stamps))), window.counts > 0


def _extreme_time(better: np.ufunc) -> Kernel:
    def kernel(window: Window, values: Floats) -> tuple[Floats, Bools]:
        best, stamps = np.full((2, len(values), len(window.low)), np.nan)
        for value, live, index in terms(window, values):
            better_here = live & (better(value, best) | np.isnan(best))
            np.copyto(best, value, where=better_here)
            np.copyto(stamps, np.broadcast_to(window.block.times[index] / 1000, best.shape), where=better_here)
        return stamps, window.counts > 0

    return kernel


maximum_time = _extreme_time(np.greater_equal)
minimum_time = _extreme_time(np.less_equal)


def _lengths(window: Window) -> list[tuple[int, Rows]]:
    """How many samples windows have, and which steps' do. Nearly all are alike; shorter are those at an end of the samples."""
    counts = window.counts
    return [(size, np.flatnonzero(counts == size)) for size in np.unique(counts[counts > 0]).tolist()]


def gathered(window: Window, values: Floats, *, less: Container[int] = ()) -> Iterator[tuple[Ints, Floats]]:
    """Steps whose windows are equally long, and their samples, shape (rows, steps, samples); `less` those of these lengths."""
    for size, steps in window.once("lengths", lambda: _lengths(window)):
        if size in less:
            continue
        # Whoever sorts them copies them: of long windows not those of all steps at once.
        many = max(1, _GATHERED // (size * len(values)))
        for begin in range(0, len(steps), many):
            window.check()
            here = steps[begin : begin + many]
            yield here, _samples(values, window.low[here], size)


def _samples(values: Floats, low: Ints, size: int) -> Floats:
    """Those of windows that begin at `low`; a view where they are evenly apart."""
    first = int(low[0])
    if len(low) == 1:
        return values[:, None, first : first + size]
    views = np.lib.stride_tricks.sliding_window_view(values, size, axis=1)
    stride = int(low[1]) - first
    if stride > 0 and (np.diff(low) == stride).all():
        return views[:, first : int(low[-1]) + 1 : stride]
    return views[:, low]


def quantile(window: Window, values: Floats, q: Floats) -> tuple[Floats, Bools]:
    """The q-quantile of each range; q is one a step."""
    out = np.empty((len(values), len(window.low)))
    if 0 <= q[0] <= 1 and bool((q == q[0]).all()) and not np.isnan(values).any():
        _one_quantile(out, window, values, float(q[0]))
    else:
        for here, samples in gathered(window, values):
            out[:, here] = of_sorted(np.sort(samples, axis=2), q[here])
    return out, window.counts > 0


def _one_quantile(out: Floats, window: Window, values: Floats, q: float) -> None:
    """The same for all steps, of numbers."""
    done: set[int] = set()
    for size, here in window.once("lengths", lambda: _lengths(window)):
        few = few_ranks(size, q) if len(here) >= _PLACES else None
        if few is not None:
            out[:, together(here)] = _of_few(window, values, window.low[here], few)
            done.add(size)
    for here, samples in gathered(window, values, less=done):
        ordered, rank = np.sort(samples, axis=2), ranked(samples.shape[2], q)
        out[:, together(here)] = rank.between(ordered[:, :, rank.below], ordered[:, :, rank.above])


def _of_few(window: Window, values: Floats, low: Ints, few: Few) -> Floats:
    """A quantile near an end: the largest (or smallest) few samples of each window, without sorting the others."""
    better, worse = (np.maximum, np.minimum) if few.largest else (np.minimum, np.maximum)
    best: list[Floats] = []
    spare = np.empty((len(values), len(low)))
    for place in range(few.rank.size):
        if place % _PLACES == 0:
            window.check()
        sample = np.array(columns(values, low + place), order="C")
        for rank, known in enumerate(best):
            best[rank], spare = better(known, sample, out=spare), known
            if rank + 1 < few.count:
                worse(known, sample, out=sample)
        if len(best) < few.count:
            best.append(sample)
    return few.rank.between(best[few.below], best[few.above])


def median_deviation(window: Window, values: Floats) -> tuple[Floats, Bools]:
    """The median of the distances from the median."""
    out = np.empty((len(values), len(window.low)))
    half = np.full(1, 0.5)
    for here, samples in gathered(window, values):
        middle = of_sorted(np.sort(samples, axis=2), half)
        spread = of_sorted(np.sort(np.abs(samples - middle[..., None]), axis=2), half)
        out[:, here] = np.where(np.isnan(samples).any(axis=2), np.nan, spread)
    return out, window.counts > 0


PLAIN: dict[str, Kernel] = {
    "avg_over_time": average,
    "changes": changes,
    "count_over_time": count,
    "first_over_time": first,
    "last_over_time": last,
    "mad_over_time": median_deviation,
    "max_over_time": maximum,
    "min_over_time": minimum,
    "present_over_time": present,
    "absent_over_time": present,
    "resets": resets,
    "stddev_over_time": deviation,
    "stdvar_over_time": variance,
    "sum_over_time": total,
    "ts_of_first_over_time": first_time,
    "ts_of_last_over_time": last_time,
    "ts_of_max_over_time": maximum_time,
    "ts_of_min_over_time": minimum_time,
}
