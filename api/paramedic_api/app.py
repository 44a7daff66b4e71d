"""The Flask application: routes found by the registry, a guard before each request, the same headers after it."""

from __future__ import annotations

import importlib.resources
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from flask import Flask, Response, g, request
from jinja2 import PackageLoader, StrictUndefined

from paramedic_api import problems, routes
from paramedic_api.auth import MOST_BODY, check_request
from paramedic_api.headers import SAFE
from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.openapi import spec
from paramedic_api.page import filters
from paramedic_api.proxies import Front
from paramedic_api.resource import Resource
from paramedic_core.registry import discover
from paramedic_metrics.courtesy import COURTESY

log = logging.getLogger("paramedic.api")
_PAGE = "paramedic_dashboards"
"""The package that has the page's templates and files. It is read as data, never imported as code."""


def make_app(hub: Hub) -> Flask:
    """The application of one hub."""
    web = importlib.resources.files(_PAGE).joinpath("web")
    app = Flask("paramedic_api", static_folder=str(web.joinpath("static")), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY
    app.extensions["hub"] = hub
    app.jinja_options = {
        "loader": PackageLoader(_PAGE, "web/templates"),
        "undefined": StrictUndefined,
        "autoescape": True,
    }
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters.install(app.jinja_env)
    problems.install(app)
    app.before_request(_before)
    app.after_request(_after)
    app.view_functions["static"].__dict__["needs_role"] = ""
    found = discover(routes, Resource)
    for failure in found.failures:
        log.error("the routes of %s cannot be served: %s", failure.module, failure.reason)
    for resource in found.plugins.values():
        app.register_blueprint(resource.blueprint)
    spec.app = app
    app.wsgi_app = Front(_before_queries(app.wsgi_app), hub.settings.hub)  # type: ignore[method-assign]
    app.extensions["broken_routes"] = tuple(found.failures)
    return app


def _before_queries(inner: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Whatever is no query goes before those that run, until it begins to answer."""

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/prometheus/"):
            return inner(environ, start_response)
        with COURTESY.first():
            return inner(environ, start_response)

    return call


def _before() -> None:
    g.started = time.perf_counter()
    check_request()


def _after(response: Response) -> Response:
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"
        if response.is_streamed:
            # nginx would hold a live stream back until its buffer is full.
            response.headers["X-Accel-Buffering"] = "no"
    metrics = this_hub().metrics
    route = request.url_rule.rule if request.url_rule else "none"
    metrics.requests.labels(route, str(response.status_code)).inc()
    if not response.is_streamed:
        metrics.seconds.observe(time.perf_counter() - cast("float", g.get("started", time.perf_counter())))
    return response
