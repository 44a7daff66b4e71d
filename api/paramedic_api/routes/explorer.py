"""`/explore`: the page on which metrics are asked."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from paramedic_api.auth import caller
from paramedic_api.here import this_hub
from paramedic_api.page import explorer, views
from paramedic_api.resource import Resource

bp = Blueprint("explorer", __name__)
_MOST_TEXT = 16_384


class Explorer(Resource):
    """The explorer of metrics."""

    name = "explorer"
    blueprint = bp


@bp.get("/explore")
def explore() -> str:
    """One expression over one range."""
    hub = this_hub()
    page = explorer.explore(hub, request.args.get("expr", "")[:_MOST_TEXT], request.args.get("range", "1h"))
    return render_template("explore.html", page=page, frame=views.frame(hub, caller()))
