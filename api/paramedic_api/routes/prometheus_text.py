"""`/prometheus/api/v1/format_query` and `parse_query`: what can be said of a query's text alone."""

from __future__ import annotations

from flask import Blueprint, Response

from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.resource import Resource
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.pretty import format_query as formatted
from paramedic_metrics.promql.tree import tree

bp = Blueprint("prometheus_text", __name__, url_prefix="/prometheus/api/v1")


class PrometheusText(Resource):
    """Queries written out, and taken apart."""

    name = "prometheus_text"
    blueprint = bp


@bp.route("/format_query", methods=["GET", "POST"])
@endpoint
def format_query() -> Response:
    """The query, written as people should read it."""
    return answers.data(formatted(parameters.text("query")))


@bp.route("/parse_query", methods=["GET", "POST"])
@endpoint
def parse_query() -> Response:
    """The query's parts."""
    return answers.data(tree(parse(parameters.text("query"))))
