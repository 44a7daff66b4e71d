"""Who asks, and whether they may. Runs before every request.

Reading on loopback needs no token; from afar every request does, and whatever changes something needs one everywhere,
with a JSON body, a known Host, and no sign of another site's page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import current_app, g, request
from werkzeug.exceptions import MethodNotAllowed

from paramedic_api.here import this_hub
from paramedic_api.hosts import forged, from_afar, known_host
from paramedic_api.hub import Hub
from paramedic_api.problems import Denied
from paramedic_api.proxies import proxied
from paramedic_api.sessions import COOKIE
from paramedic_core.errors import BadInput

log = logging.getLogger("paramedic.auth")
F = TypeVar("F", bound=Callable[..., Any])
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_BODY = 64 << 10
MOST_FORM = 400 << 10
"""Bytes of a form: a long query and a hundred selectors."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: str
    """sender, viewer, operator or admin."""
    text: str = field(default="", repr=False)
    """The token, where there was one: for roles that check it themselves."""
    logged_in: bool = False

    def may(self, role: str) -> bool:
        """Whether this caller may do what needs `role`; `sender` stands apart, as for tokens.

        `delivery` is a sender's, and an operator's too: samples change nothing but what is known.
        """
        if role == "sender":
            return self.role == role
        if role == "delivery":
            return self.role == "sender" or self.may("operator")
        order = ("viewer", "operator", "admin")
        return self.role in order and order.index(self.role) >= order.index(role)


def needs(role: str) -> Callable[[F], F]:
    """Marks a view with the role that it needs, where that is not the usual (viewer to read, operator to change); `""` is anybody."""

    def mark(view: F) -> F:
        view.__dict__["needs_role"] = role
        return view

    return mark


def takes(most: int) -> Callable[[F], F]:
    """Marks a view with the largest body that it takes, in bytes, where that is not `MOST_BODY`."""

    def mark(view: F) -> F:
        view.__dict__["most_body"] = most
        return view

    return mark


def reads(view: F) -> F:
    """Marks a view that changes nothing also when it is asked by POST, with a form, as Prometheus' API is (docs/decisions/009)."""
    view.__dict__["body"] = "form"
    return view


def takes_bytes(view: F) -> F:
    """Marks a view whose body is not JSON; it reads it itself."""
    view.__dict__["body"] = "bytes"
    return view


def caller() -> Caller:
    """Who asked this request."""
    found: Caller = g.caller
    return found


def check_request() -> None:
    """Let the request at hand through, or raise.

    Raises:
        Denied: a wrong Host, no or a wrong token, too small a role, another site's page.
        BadInput: a body that is not JSON.
    """
    hub = this_hub()
    listen, public = hub.settings.hub.listen, hub.settings.hub.public_url
    bearer, body, headers = _bearer(), _marked("body", "json"), dict(request.headers)
    safe = request.method in _SAFE or body == "form"
    if not (safe and bearer) and not known_host(
        request.host, listen, (*hub.settings.hub.allowed_hosts, urlsplit(public).netloc)
    ):
        raise Denied(
            403,
            "unknown_host",
            f"the Host {request.host[:100]!r} is not one of this hub's: call it by its address, "
            "or add the name to hub.allowed_hosts",
        )
    if request.method not in _SAFE:
        if forged(headers, request.host, public):
            raise Denied(403, "other_site", "this request comes from another site's page")
        if isinstance(request.routing_exception, MethodNotAllowed):
            raise request.routing_exception
        _CHECKS[body]()
    afar = bool(public) or proxied() or from_afar(headers, listen, request.remote_addr or "")
    g.caller = _identify(hub, bearer) or Caller("", "viewer" if safe and not afar else "none")
    needed = _marked("needs_role", "viewer" if safe else "operator")
    if needed and not g.caller.may(needed):
        raise _denial(g.caller, needed)


def identify_token(hub: Hub, text: str) -> Caller:
    """Who a token is.

    Raises:
        Denied: it is wrong, or too many were wrong before it.
    """
    address = request.remote_addr or ""
    wait = hub.attempts.wait(address)
    if wait:
        raise Denied(429, "too_many_attempts", f"too many wrong tokens: wait {wait:.0f} s", retry_after=wait)
    token = hub.tokens.check(text)
    if token is None:
        hub.attempts.failed(address)
        raise Denied(401, "wrong_token", "this token is not known: `paramedic token list` shows those that are")
    return Caller(token.name, token.role, text, logged_in=True)


def _identify(hub: Hub, bearer: str) -> Caller | None:
    if bearer:
        return identify_token(hub, bearer)
    session = hub.sessions.find(request.cookies.get(COOKIE, ""))
    if session is None:
        return None
    # The token may have been revoked, or its role lowered, since the login.
    token = hub.tokens.check(session.text)
    if token is None:
        hub.sessions.close(request.cookies.get(COOKIE, ""))
        return None
    return Caller(token.name, token.role, session.text, logged_in=True)


def _marked(what: str, default: str) -> str:
    """What the view of this request was marked with."""
    view = current_app.view_functions.get(request.endpoint or "")
    return str(getattr(view, what, default))


def _most_body(default: int = MOST_BODY) -> int:
    return int(_marked("most_body", str(default)))


def _bearer() -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _check_body() -> None:
    if request.method == "DELETE" and not request.content_length:
        return
    if request.mimetype != "application/json":
        raise BadInput("a body must be JSON: send it with `Content-Type: application/json`")
    request.max_content_length = _most_body()
    try:
        value = request.get_json()
    except RecursionError:
        raise BadInput("the body is nested too deeply") from None
    if not isinstance(value, dict):
        raise BadInput("the body must be a JSON object")


def _check_form() -> None:
    request.max_content_length = _most_body(MOST_FORM)
    if request.content_length and request.mimetype != "application/x-www-form-urlencoded":
        raise BadInput("a body must be a form: send it with `Content-Type: application/x-www-form-urlencoded`")


def _check_bytes() -> None:
    request.max_content_length = _most_body()


_CHECKS = {"json": _check_body, "form": _check_form, "bytes": _check_bytes}


def _denial(who: Caller, needed: str) -> Denied:
    if who.logged_in:
        return Denied(403, "role", f"{who.name} is {who.role}; this needs {needed}")
    return Denied(
        401,
        "no_token",
        "this needs a token: send `Authorization: Bearer TOKEN`, or log in on the page; `paramedic token create` makes one",
    )
