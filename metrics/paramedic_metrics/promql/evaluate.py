"""Expressions into values: the one place that knows every kind of node."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import numpy as np

from paramedic_metrics.promql import binary, calls, fetch, sets
from paramedic_metrics.promql.aggregate import aggregate, count_values
from paramedic_metrics.promql.ast import (
    SETS,
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.operators import scalars
from paramedic_metrics.promql.run import Run, Steps
from paramedic_metrics.promql.values import Floats, Scalar, Text, Value, Vector


def evaluate(run: Run, expr: Expr, steps: Steps) -> Value:
    """The expression at every step.

    Raises:
        EvaluationError: it has no value on this data.
        LimitExceeded: it needs more than the query may use.
        QueryCanceled: nobody waits for it any more.
    """
    run.check()
    if steps.count > 1 and id(expr) in run.invariant:
        return _spread(evaluate(run, expr, replace(steps, count=1)), steps)
    held = run.alive
    result = _evaluate(run, expr, steps)
    run.alive = held + (result.cells if isinstance(result, Vector) else 0)
    run.room(0)
    return result


def _spread(once: Value, steps: Steps) -> Value:
    """A value of one step at all steps."""
    if isinstance(once, Scalar):
        return Scalar(np.broadcast_to(once.values, (steps.count,)))
    if isinstance(once, Vector):
        shape = (len(once.labels), steps.count)
        return replace(once, values=np.broadcast_to(once.values, shape))
    return once


def _evaluate(run: Run, expr: Expr, steps: Steps) -> Value:
    match expr:
        case NumberLiteral():
            return Scalar(np.full(steps.count, expr.value))
        case StringLiteral():
            return Text(expr.value)
        case VectorSelector():
            if expr.anchored or expr.smoothed:
                raise EvaluationError("anchored and smoothed modifiers are experimental, and only supported in ranges")
            return fetch.instant(run, expr, steps)
        case Paren():
            return evaluate(run, expr.expr, steps)
        case Unary():
            return _unary(run, expr, steps)
        case Binary():
            return _chain(run, expr, steps)
        case Aggregate():
            return _aggregate(run, expr, steps)
        case Call():
            return calls.call(run, expr, steps, evaluate)
        case MatrixSelector() | Subquery() | DurationExpr():
            raise EvaluationError("a range vector is no result of its own here")
        case _:
            assert_never(expr)


def _unary(run: Run, expr: Unary, steps: Steps) -> Value:
    inner = evaluate(run, expr.expr, steps)
    if expr.op == "+":
        return inner
    if isinstance(inner, Scalar):
        return Scalar(-inner.values)
    assert isinstance(inner, Vector)
    return run.named(Vector(list(inner.labels), -inner.values, inner.mask, inner.drop))


def _chain(run: Run, expr: Binary, steps: Steps) -> Value:
    """A chain of operators leans to the left, however long: a loop, no recursion."""
    chain = [expr]
    while isinstance(chain[-1].left, Binary) and not (steps.count > 1 and id(chain[-1].left) in run.invariant):
        chain.append(chain[-1].left)
    left = evaluate(run, chain[-1].left, steps)
    for node in reversed(chain):
        right = evaluate(run, node.right, steps)
        left = _binary(run, node, left, right)
        run.check()
    return left


def _binary(run: Run, node: Binary, left: Value, right: Value) -> Value:
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(scalars(node.op, left.values, right.values))
    if isinstance(left, Vector) and isinstance(right, Scalar):
        return binary.with_scalar(run, node, left, right, swapped=False)
    if isinstance(left, Scalar) and isinstance(right, Vector):
        return binary.with_scalar(run, node, right, left, swapped=True)
    assert isinstance(left, Vector)
    assert isinstance(right, Vector)
    if node.op in SETS:
        return sets.operate(run, node, left, right)
    return binary.of_vectors(run, node, left, right)


def _aggregate(run: Run, expr: Aggregate, steps: Steps) -> Vector:
    param: Floats | None = None
    label = ""
    if expr.param is not None:
        value = evaluate(run, expr.param, steps)
        if isinstance(value, Text):
            label = value.value
        else:
            assert isinstance(value, Scalar)
            param = value.values
    vector = evaluate(run, expr.expr, steps)
    assert isinstance(vector, Vector)
    if expr.op == "count_values":
        return count_values(run, expr, vector, label)
    return aggregate(run, expr, vector, param)
