"""Functions of a range: each row's samples in each step's window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from paramedic_metrics import parallel
from paramedic_metrics.promql import extended, moment, over_time, rates, regress
from paramedic_metrics.promql.ast import Call, MatrixSelector, Subquery, unwrapped
from paramedic_metrics.promql.fetch import moments
from paramedic_metrics.promql.labels import METADATA, LabelCache, value_of
from paramedic_metrics.promql.matchers import labels_of_absent
from paramedic_metrics.promql.run import Run, Steps, merged
from paramedic_metrics.promql.values import Bools, Floats, Ints, Vector, empty, present_at, without_empty
from paramedic_metrics.promql.windows import Block, blocks, window
from paramedic_metrics.series import Frame, Labels

_CHUNK = 1 << 18
"""Cells that are worked on at a time, 2 MB: of a target with a hundred series all, for calling NumPy has its price too."""
_COUNTERS = ("_total", "_sum", "_count", "_bucket")
_EXTRAPOLATED = frozenset({"rate", "increase", "delta"})
_KEEP_NAME = frozenset({"last_over_time", "first_over_time"})


@dataclass(frozen=True, slots=True)
class Ranged:
    """A range selector's or subquery's blocks, and each step's range in Unix milliseconds: open start, closed end."""

    makers: Sequence[Callable[[], Iterable[Block]]]
    """Each makes some of the blocks; safe for several threads."""
    rows: Sequence[int]
    """How many rows each of them has at most."""
    cells: int
    """How many samples they have at most."""
    starts: Ints
    ends: Ints

    def blocks(self) -> Iterator[Block]:
        """All of them."""
        for make in self.makers:
            yield from make()


def select(run: Run, node: MatrixSelector, steps: Steps) -> Ranged:
    """The samples that a range selector asks for."""
    ends = moments(node.vector.shift, steps)
    starts = ends - node.range
    before, after = extended.reach(node.vector, run.limits.lookback)
    found = run.select(node.vector.matchers, int(starts[0]) - before, int(ends[-1]) + after)
    return Ranged([partial(_blocks, make, run.cache) for make in found.makers], found.rows, found.cells, starts, ends)


def _blocks(make: Callable[[], Frame | None], cache: LabelCache) -> Iterable[Block]:
    frame = make()
    return () if frame is None else blocks([frame], cache)


def call(run: Run, node: Call, ranged: Ranged, params: list[Floats], steps: Steps) -> Vector:
    """The function of every row at every step.

    Args:
        run: the query.
        node: the call.
        ranged: its range argument.
        params: its other arguments, one value a step each.
        steps: the moments.
    """
    name = node.function.name
    if steps.count == 1 and name in _EXTRAPOLATED and not _extended(node):
        result = _at_one_moment(run, ranged, counter=name != "delta", per_second=name == "rate")
    else:
        result = _every_row(run, ranged, _kernel(run, node, params, steps), steps)
    if name == "absent_over_time":
        return _absent(run, node, result, steps)
    if name in ("rate", "increase"):
        _doubt_counters(run, node, result)
    if name in _KEEP_NAME:
        return result if run.delayed_names else merged(result)
    return run.named(result)


def _at_one_moment(run: Run, ranged: Ranged, *, counter: bool, per_second: bool) -> Vector:
    start, end = int(ranged.starts[0]), int(ranged.ends[0])
    run.room(sum(ranged.rows))

    def part(number: int) -> moment.Ends:
        return moment.Ends.of(ranged.makers[number](), start, end, run.check, counter=counter)

    parts = parallel.each(part, len(ranged.makers), ranged.cells)
    result = moment.extrapolated(parts, start, end, counter=counter, per_second=per_second)
    if not run.delayed_names:
        result.drop = None
    return result


@dataclass(slots=True)
class _Part:
    """What came of some of the blocks; their values are in the matrix already."""

    labels: list[Labels]
    mask: Bools | None
    drop: Bools | None


def _every_row(run: Run, ranged: Ranged, kernel: over_time.Kernel, steps: Steps) -> Vector:
    begins = np.concatenate([[0], np.cumsum(ranged.rows)]).astype(np.int64)
    if not begins[-1]:
        return empty(steps.count)
    run.room(int(begins[-1]) * steps.count)
    values = np.empty((int(begins[-1]), steps.count))

    def part(number: int) -> _Part:
        return _some_rows(run, ranged, ranged.makers[number](), kernel, values[begins[number] : begins[number + 1]])

    parts = parallel.each(part, len(ranged.makers), ranged.cells + values.size)
    counts = [len(part.labels) for part in parts]
    if counts != list(ranged.rows):
        values = values[np.concatenate([begin + np.arange(n) for begin, n in zip(begins, counts, strict=False)])]
    mask: Bools | None = None
    if any(part.mask is not None for part in parts):
        mask = np.concatenate([_mask(part, steps) for part in parts])
    drop = np.concatenate([_dropped(part) for part in parts]) if run.delayed_names else None
    return without_empty(Vector([owned for part in parts for owned in part.labels], values, mask, drop))


def _mask(part: _Part, steps: Steps) -> Bools:
    return np.ones((len(part.labels), steps.count), dtype=np.bool_) if part.mask is None else part.mask


def _dropped(part: _Part) -> Bools:
    return np.zeros(len(part.labels), dtype=np.bool_) if part.drop is None else part.drop


def _some_rows(run: Run, ranged: Ranged, some: Iterable[Block], kernel: over_time.Kernel, out: Floats) -> _Part:
    found, done = _Part([], None, None), 0
    for block in some:
        bounds = window(block, ranged.starts, ranged.ends, run.check)
        size = max(1, _CHUNK // max(len(block.times), out.shape[1]))
        for begin in range(0, len(block.labels), size):
            run.check()
            part = block.values[begin : begin + size]
            place = slice(done + begin, done + begin + len(part))
            out[place], valid = kernel(bounds, part)
            if not valid.all():
                if found.mask is None:
                    found.mask = np.ones(out.shape, dtype=np.bool_)
                found.mask[place] = valid
        if block.drop is not None:
            if found.drop is None:
                found.drop = np.zeros(len(out), dtype=np.bool_)
            found.drop[done : done + len(block.labels)] = block.drop
        found.labels.extend(block.labels)
        done += len(block.labels)
    if done < len(out):
        found.mask = None if found.mask is None else found.mask[:done]
        found.drop = None if found.drop is None else found.drop[:done]
    return found


def _kernel(run: Run, node: Call, params: list[Floats], steps: Steps) -> over_time.Kernel:
    name, selector = node.function.name, _extended(node)
    if selector is not None:
        return extended.kernel(name, selector.vector, run.limits.lookback)
    if name in over_time.PLAIN:
        return over_time.PLAIN[name]
    if name in _EXTRAPOLATED:
        counter, per_second = name != "delta", name == "rate"
        return lambda bounds, values: rates.extrapolated(bounds, values, counter=counter, per_second=per_second)
    if name in ("irate", "idelta"):
        return lambda bounds, values: rates.instantaneous(bounds, values, counter=name == "irate")
    return _with_params(run, node, params, steps)[name]


def _extended(node: Call) -> MatrixSelector | None:
    """The call's range selector, if it is anchored or smoothed."""
    selector = unwrapped(next(arg for arg in node.args if arg.type == "matrix"))
    if isinstance(selector, MatrixSelector) and (selector.vector.anchored or selector.vector.smoothed):
        return selector
    return None


def _with_params(run: Run, node: Call, params: list[Floats], steps: Steps) -> dict[str, over_time.Kernel]:
    name = node.function.name
    if name == "quantile_over_time":
        for q in np.unique(params[0][~((params[0] >= 0) & (params[0] <= 1))]).tolist():
            run.notes.quantile(q, node.args[0].span)
    times = steps.times
    table: dict[str, Callable[[], over_time.Kernel]] = {
        "deriv": lambda: regress.derivative,
        "predict_linear": lambda: lambda bounds, values: regress.prediction(bounds, values, times, params[0]),
        "quantile_over_time": lambda: lambda bounds, values: over_time.quantile(bounds, values, params[0]),
        "double_exponential_smoothing": lambda: (
            lambda bounds, values: regress.smoothed(bounds, values, params[0], params[1])
        ),
        "integral": lambda: _integral(run, node, params),
    }
    return {name: table[name]()}


def _integral(run: Run, node: Call, params: list[Floats]) -> over_time.Kernel:
    strategy = params[0] if params else np.full(1, 2.0)
    wrong = ~np.isin(strategy, (0.0, 1.0, 2.0))
    for value in np.unique(strategy[wrong]).tolist():
        run.notes.warn(f"strategy should be 0, 1, or 2 (default), using 2, got {value:g}", node.args[1].span)
    chosen = np.where(wrong, 2.0, strategy).astype(np.int64)
    return lambda bounds, values: regress.integral(bounds, values, chosen)


def _doubt_counters(run: Run, node: Call, result: Vector) -> None:
    """Say which metrics do not look like counters."""
    selector = unwrapped(node.args[0])
    if isinstance(selector, MatrixSelector) and selector.vector.name:
        names = {selector.vector.name} if result.labels else set()
    else:
        names = {value_of(owned, "__name__") for owned in result.labels}
    for name in sorted(names):
        if name and not name.endswith(_COUNTERS):
            run.notes.no_counter(name, node.args[0].span)


def _absent(run: Run, node: Call, result: Vector, steps: Steps) -> Vector:
    """One series where no row has a sample."""
    found = present_at(result, steps.count)
    if found.all():
        return empty(steps.count)
    labels = run.cache.made(pair for pair in labels_of_absent(node.args[0]) if pair[0] not in METADATA)
    return Vector([labels], np.ones((1, steps.count)), None if not found.any() else ~found[None, :])


def is_range(expr: object) -> bool:
    """Whether this is a range selector or a subquery."""
    return isinstance(expr, MatrixSelector | Subquery)
