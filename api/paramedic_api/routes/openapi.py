"""`/api/v1/openapi.json`: the API's description, as committed in docs/reference/openapi.json."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from paramedic_api.openapi import spec
from paramedic_api.resource import Resource

bp = Blueprint("openapi", __name__)


class OpenApi(Resource):
    """The API's description."""

    name = "openapi"
    blueprint = bp


@bp.get("/api/v1/openapi.json")
def openapi() -> dict[str, Any]:
    """The description of every view that is decorated."""
    found: dict[str, Any] = spec.spec
    return found
