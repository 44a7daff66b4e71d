"""`/prometheus/api/v1/rules`, `alerts` and `alertmanagers`: there are none yet, and Grafana asks."""

from __future__ import annotations

from flask import Blueprint, Response

from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.prometheus.errors import bad_parameter
from paramedic_api.resource import Resource

bp = Blueprint("prometheus_rules", __name__, url_prefix="/prometheus/api/v1")


class PrometheusRules(Resource):
    """Rules and alerts."""

    name = "prometheus_rules"
    blueprint = bp


@bp.get("/rules")
@endpoint
def rules() -> Response:
    """Groups of rules."""
    kind = parameters.text("type").lower()
    if kind not in ("", "alert", "record"):
        raise bad_parameter("type", f'not supported value "{kind[:40]}"')
    return answers.data({"groups": []})


@bp.get("/alerts")
@endpoint
def alerts() -> Response:
    """Alerts that fire or wait."""
    return answers.data({"alerts": []})


@bp.get("/alertmanagers")
@endpoint
def alertmanagers() -> Response:
    """Alertmanagers that are told."""
    return answers.data({"activeAlertmanagers": [], "droppedAlertmanagers": []})
