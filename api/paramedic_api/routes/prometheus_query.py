"""`/prometheus/api/v1/query`, `query_range` and `query_exemplars`: values, now or over time."""

from __future__ import annotations

from flask import Blueprint, Response

from paramedic_api.here import this_hub
from paramedic_api.prometheus import answers, asking, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.prometheus.errors import QueryProblem
from paramedic_api.resource import Resource
from paramedic_metrics.promql.parser import parse

bp = Blueprint("prometheus_query", __name__, url_prefix="/prometheus/api/v1")


class PrometheusQuery(Resource):
    """Values, now or over time."""

    name = "prometheus_query"
    blueprint = bp


@bp.route("/query", methods=["GET", "POST"])
@endpoint
def query() -> Response:
    """An instant query."""
    hub = this_hub()
    at = parameters.moment("time", round(hub.clock.now() * 1000))
    text = parameters.text("query")
    return asking.run(hub, lambda engine, canceled: engine.instant(text, at, canceled=canceled))


@bp.route("/query_range", methods=["GET", "POST"])
@endpoint
def query_range() -> Response:
    """A range query."""
    hub = this_hub()
    start, end, step = parameters.grid(round(hub.clock.now() * 1000))
    text = parameters.text("query")
    return asking.run(hub, lambda engine, canceled: engine.range(text, start, end, step, canceled=canceled))


@bp.route("/query_exemplars", methods=["GET", "POST"])
@endpoint
def query_exemplars() -> Response:
    """No exemplars are kept, so there are none of any query."""
    start, end = parameters.moment("start", -parameters.FAR), parameters.moment("end", parameters.FAR)
    if end < start:
        raise QueryProblem("bad_data", "end timestamp must not be before start timestamp")
    parse(parameters.text("query"), this_hub().measured.metrics.options)
    return answers.data([])
