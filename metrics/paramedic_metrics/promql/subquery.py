"""Subqueries: an expression evaluated on steps of its own, and its results taken for samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paramedic_core.errors import LimitExceeded
from paramedic_metrics.promql.ast import Expr, Subquery
from paramedic_metrics.promql.fetch import moments
from paramedic_metrics.promql.ranges import Ranged
from paramedic_metrics.promql.run import Run, Steps
from paramedic_metrics.promql.values import Value, Vector, mask_of
from paramedic_metrics.promql.windows import Block, gapless


def select(run: Run, node: Subquery, steps: Steps, evaluate: Callable[[Run, Expr, Steps], Value]) -> Ranged:
    """The subquery's results as samples; its steps are multiples of the step since the epoch, whatever the query's are.

    Raises:
        LimitExceeded: it has more steps than it may.
    """
    ends = moments(node.shift, steps)
    starts = ends - node.range
    step = node.step or run.limits.subquery_step
    begin = step * int((int(starts[0])) / step)
    if begin <= starts[0]:
        begin += step
    count = (int(ends[-1]) - begin) // step + 1
    if count < 1:
        return Ranged([], [], 0, starts, ends)
    if count > run.limits.max_subquery:
        raise LimitExceeded(
            f"the subquery has {count} steps (the limit is {run.limits.max_subquery}; ask for a shorter time or a longer step)"
        )
    run.grow(count)
    inner = Steps(begin, step, count)
    result = evaluate(run, node.expr, inner)
    assert isinstance(result, Vector)
    run.check()
    times = np.asarray(inner.times)
    if result.mask is None:
        made = [Block(result.labels, times, result.values, result.drop)] if result.labels else []
    else:
        made = list(gapless(result.labels, times, result.values, mask_of(result), result.drop))
    return Ranged([lambda: made], [sum(len(block.labels) for block in made)], result.values.size, starts, ends)
