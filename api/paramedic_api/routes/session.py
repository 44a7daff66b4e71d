"""`/api/v1/session`: logging in on the page. The token is exchanged for a cookie that only this hub understands."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from paramedic_api.auth import caller, identify_token, needs
from paramedic_api.here import this_hub
from paramedic_api.openapi import answers, spec
from paramedic_api.resource import Resource
from paramedic_api.sessions import COOKIE
from paramedic_api.shapes import Session, Shape, plain

bp = Blueprint("session", __name__)


class SessionRoutes(Resource):
    """Logging in and out."""

    name = "session"
    blueprint = bp


class TokenBody(Shape):
    """The token, once."""

    token: str = Field(min_length=1, max_length=200)


@bp.post("/api/v1/session")
@needs("")
@spec.validate(resp=answers(Session, 400, 429), tags=["session"])
def login(json: TokenBody) -> Response:
    """Log in: a cookie (HttpOnly, SameSite=Strict) for the token."""
    hub = this_hub()
    who = identify_token(hub, json.token.strip())
    token = hub.tokens.check(who.text)
    response = jsonify(plain(Session(name=who.name, role=who.role)))
    if token is not None:
        value = hub.sessions.open(who.text, token)
        path = request.root_path or "/"
        response.set_cookie(COOKIE, value, path=path, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


@bp.get("/api/v1/session")
@spec.validate(resp=answers(Session), tags=["session"])
def who() -> dict[str, object]:
    """Who asks: an empty name for one who reads without a token."""
    return plain(Session(name=caller().name, role=caller().role))


@bp.delete("/api/v1/session")
@needs("")
@spec.validate(resp=answers(Session), tags=["session"])
def logout() -> Response:
    """Log out."""
    this_hub().sessions.close(request.cookies.get(COOKIE, ""))
    response = jsonify(plain(Session(name="", role="none")))
    response.delete_cookie(COOKIE, path=request.root_path or "/")
    return response
