"""Errors as Prometheus' API writes them."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

PREFIX = "/prometheus/"
_KINDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "unavailable",
    500: "internal",
    503: "unavailable",
}


def answer(kind: str, text: str, status: int) -> Response:
    """The error as an answer."""
    body = json.dumps({"status": "error", "errorType": kind, "error": text})
    return Response(body, status, content_type="application/json")


def from_problem(document: dict[str, Any]) -> Response:
    """One of the API's own problem documents (RFC 9457) in Prometheus' form, for what fails before a view is reached."""
    status = int(document["status"])
    return answer(_KINDS.get(status, "bad_data"), str(document.get("detail") or document.get("title")), status)
