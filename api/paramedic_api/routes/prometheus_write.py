"""`/prometheus/api/v1/write`: remote write 1.0."""

from __future__ import annotations

from flask import Blueprint, Response, request

from paramedic_api.auth import needs, takes, takes_bytes
from paramedic_api.here import this_hub
from paramedic_api.resource import Resource

bp = Blueprint("prometheus_write", __name__, url_prefix="/prometheus/api/v1")
MOST_BODY = 4 << 20


class PrometheusWrite(Resource):
    """Samples that others send."""

    name = "prometheus_write"
    blueprint = bp


@bp.post("/write")
@needs("delivery")
@takes(MOST_BODY)
@takes_bytes
def write() -> Response:
    """Take samples. As Prometheus does, it answers in plain text, since that is what senders log."""
    reply = this_hub().measured.metrics.receiver.take(dict(request.headers), request.get_data(cache=False))
    response = Response(reply.text + "\n" if reply.text else "", reply.status, content_type="text/plain; charset=utf-8")
    if reply.retry_after:
        response.headers["Retry-After"] = str(reply.retry_after)
    return response
