"""`/prometheus/api/v1/series`, `labels`, `label/…/values`, `metadata`: what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from flask import Blueprint, Response

from paramedic_api.here import this_hub
from paramedic_api.prometheus import answers, asking, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.prometheus.errors import QueryProblem, bad_parameter
from paramedic_api.resource import Resource
from paramedic_core.errors import BadInput
from paramedic_metrics.answer.results import TRUNCATED
from paramedic_metrics.promql.ast import VectorSelector
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.series import Labels, Matcher

bp = Blueprint("prometheus_series", __name__, url_prefix="/prometheus/api/v1")
_T = TypeVar("_T")
_Sets = list[Sequence[Matcher]]


class PrometheusSeries(Resource):
    """Series, labels and what families are."""

    name = "prometheus_series"
    blueprint = bp


@bp.route("/series", methods=["GET", "POST"])
@endpoint
def series() -> Response:
    """The series that match any of the selectors."""
    sets = _selectors()
    if not sets:
        raise QueryProblem("bad_data", "no match[] parameter provided")
    start, end = _span()
    hub = this_hub()
    found: set[Labels] = set()
    with asking.looking_up(hub):
        for matchers in sets:
            found.update(hub.measured.metrics.store.series(matchers, start, end))
    kept, warnings = _limited(sorted(found))
    return answers.data([dict(labels) for labels in kept], warnings=warnings)


@bp.route("/labels", methods=["GET", "POST"])
@endpoint
def labels() -> Response:
    """Names of labels."""
    store, (start, end) = this_hub().measured.metrics.store, _span()
    kept, warnings = _limited(_of_all(_selectors(), lambda matchers: store.label_names(matchers, start, end)))
    return answers.data(kept, warnings=warnings)


@bp.get("/label/<path:name>/values")
@endpoint
def label_values(name: str) -> Response:
    """Values of one label."""
    plain = parameters.unescaped(name)
    if not plain:
        raise QueryProblem("bad_data", f'invalid label name: "{name[:60]}"')
    store, (start, end) = this_hub().measured.metrics.store, _span()
    kept, warnings = _limited(_of_all(_selectors(), lambda matchers: store.label_values(plain, matchers, start, end)))
    return answers.data(kept, warnings=warnings)


@bp.get("/metadata")
@endpoint
def metadata() -> Response:
    """What targets say of their families."""
    limit, each = parameters.count_or_all("limit"), parameters.count_or_all("limit_per_metric")
    wanted = parameters.text("metric")
    found = this_hub().measured.metrics.described()
    if wanted:
        found = {wanted: found[wanted]} if wanted in found else {}
    names = sorted(found)[:limit]
    shown = {
        name: [
            {"type": kind, "help": text, "unit": unit} for kind, text, unit in found[name][: each or None]
        ]  # 0 of each is all
        for name in names
    }
    return answers.data(shown)


def _selectors() -> _Sets:
    """The matchers of each `match[]`."""
    found: _Sets = []
    for text in parameters.texts("match[]"):
        try:
            expr = parse(text)
        except BadInput as error:
            raise bad_parameter("match[]", str(error)) from None
        if not isinstance(expr, VectorSelector) or expr.shift.offset or expr.shift.at is not None:
            raise bad_parameter("match[]", f"{text[:80]!r} is no selector")
        found.append(expr.matchers)
    return found


def _span() -> tuple[int, int]:
    start, end = parameters.moment("start", -parameters.FAR), parameters.moment("end", parameters.FAR)
    return start - 1, end  # the store leaves its start out, and Prometheus does not


def _of_all(sets: _Sets, read: Callable[[Sequence[Matcher]], Iterable[str]]) -> list[str]:
    found: set[str] = set()
    with asking.looking_up(this_hub()):
        for matchers in sets or [()]:
            found.update(read(matchers))
    return sorted(found)


def _limited(found: list[_T]) -> tuple[list[_T], list[str]]:
    limit = parameters.count("limit")
    if limit and len(found) > limit:
        return found[:limit], [TRUNCATED]
    return found, []
