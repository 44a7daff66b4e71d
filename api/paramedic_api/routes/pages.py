"""The page: server-rendered, whole without scripts, live with them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from paramedic_api.auth import caller, needs
from paramedic_api.here import this_hub
from paramedic_api.page import details, lines, names, views
from paramedic_api.page.links import root_of
from paramedic_api.resource import Resource
from paramedic_api.routes.services import find_service

bp = Blueprint("pages", __name__)


class Pages(Resource):
    """The page."""

    name = "pages"
    blueprint = bp


@bp.app_context_processor
def _root() -> dict[str, Any]:
    """Every link is relative, so that the page works under any base path of a proxy."""
    return {"root": root_of(request.path), "frame": None}


def _show(template: str, page: dict[str, Any]) -> str:
    return render_template(template, page=page, frame=views.frame(this_hub(), caller()))


@bp.get("/")
def overview() -> str:
    """How things are."""
    return _show("overview.html", views.overview(this_hub()))


@bp.get("/services")
def services() -> str:
    """All services."""
    return _show("services.html", views.services(this_hub()))


@bp.get("/services/<path:key>")
def service(key: str) -> str:
    """One service."""
    hub = this_hub()
    return _show("service.html", views.service(hub, hub.world, find_service(hub, key)))


@bp.get("/healing")
def healing() -> str:
    """The timeline."""
    return _show("healing.html", views.healing(this_hub()))


@bp.get("/healing/<incident_id>")
def incident(incident_id: str) -> str:
    """One incident with its evidence."""
    hub = this_hub()
    return _show("incident.html", details.incident(hub, hub.mirror.incident(incident_id)))


@bp.get("/plan")
def plan() -> str:
    """What would be healed now, why not, and what would allow it."""
    return _show("plan.html", details.plan(this_hub()))


@bp.get("/logs")
def logs() -> str:
    """What containers said."""
    return _show("logs.html", lines.logs(this_hub(), request.args))


@bp.get("/names")
def names_page() -> str:
    """Which names are answered, and what an asker gets."""
    return _show("names.html", names.page(this_hub(), request.args))


@bp.get("/login")
@needs("")
def login() -> str:
    """Where a token is pasted."""
    return render_template("login.html")
