"""`/prometheus/api/v1/format_query` and `parse_query`: what can be said of a query's text alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response

from paramedic_api.here import this_hub
from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.prometheus.errors import bad_parameter
from paramedic_api.resource import Resource
from paramedic_metrics.promql.cursor import Options
from paramedic_metrics.promql.errors import ParseError
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.pretty import format_query as formatted
from paramedic_metrics.promql.tree import tree

bp = Blueprint("prometheus_text", __name__, url_prefix="/prometheus/api/v1")
T = TypeVar("T")


class PrometheusText(Resource):
    """Queries written out, and taken apart."""

    name = "prometheus_text"
    blueprint = bp


@bp.route("/format_query", methods=["GET", "POST"])
@endpoint
def format_query() -> Response:
    """The query, written as people should read it."""
    return answers.data(_read(formatted))


@bp.route("/parse_query", methods=["GET", "POST"])
@endpoint
def parse_query() -> Response:
    """The query's parts."""
    return answers.data(_read(lambda query, options: tree(parse(query, options))))


def _read(reader: Callable[[str, Options], T]) -> T:
    try:
        return reader(parameters.text("query"), this_hub().measured.metrics.options)
    except ParseError as error:
        raise bad_parameter("query", str(error)) from None
