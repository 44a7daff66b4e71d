"""Errors of Prometheus' API (web/api/v1/api.go): a kind, a text and a status."""

from __future__ import annotations

from paramedic_core.errors import LimitExceeded, NotFound, ParamedicError, Refused, Temporary
from paramedic_metrics.promql.errors import EvaluationError, QueryCanceled, QueryTimeout

_STATUS = {"bad_data": 400, "execution": 422, "timeout": 503, "unavailable": 503, "canceled": 499, "internal": 500}


class QueryProblem(Exception):
    """What a view of the Prometheus API cannot answer.

    Args:
        kind: Prometheus' errorType.
        text: for a person.
        status: of HTTP; by the kind when it is 0.
    """

    def __init__(self, kind: str, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.kind, self.status = kind, status or _STATUS.get(kind, 400)


def bad_parameter(name: str, why: str) -> QueryProblem:
    """A parameter that cannot be used."""
    return QueryProblem("bad_data", f'invalid parameter "{name}": {why}')


def problem_of(error: ParamedicError) -> QueryProblem:
    """One of our errors in Prometheus' kinds."""
    if isinstance(error, QueryTimeout):
        return QueryProblem("timeout", str(error))
    if isinstance(error, QueryCanceled):
        return QueryProblem("canceled", str(error))
    if isinstance(error, (EvaluationError, LimitExceeded)):
        return QueryProblem("execution", str(error))
    if isinstance(error, NotFound):
        return QueryProblem("not_found", str(error), 404)
    if isinstance(error, (Temporary, Refused)):
        return QueryProblem("unavailable", str(error))
    return QueryProblem("bad_data", str(error))
