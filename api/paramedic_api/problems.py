"""Every error of the API as a problem document (RFC 9457); on the page the same in words."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from paramedic_api.page.links import root_of
from paramedic_api.prometheus import refusals as prometheus
from paramedic_core.errors import ParamedicError, Permanent
from paramedic_core.problems import CONTENT_TYPE, problem, problem_of

log = logging.getLogger("paramedic.api")


class Denied(Permanent):
    """The caller may not do this.

    Args:
        status: 401, 403 or 429.
        code: the stable name.
        message: what was wrong, and what to do.
        retry_after: seconds, for 429.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after


_TITLES = {401: "A token is needed", 403: "Not allowed", 429: "Too many attempts"}


def answer(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem document as an answer: JSON, or a page where a browser asked for one."""
    status = int(document["status"])
    if request.path.startswith(prometheus.PREFIX):
        return prometheus.from_problem(document)
    wants_page = not request.path.startswith(("/api/", "/-/", "/metrics")) and request.accept_mimetypes.accept_html
    if wants_page and status == 401:
        return Response("", 303, {"Location": f"{root_of(request.path)}login"})
    if wants_page:
        response = Response(render_template("problem.html", problem=document), status, mimetype="text/html")
    else:
        response = Response(json.dumps(document), status, content_type=CONTENT_TYPE)
    if "retry_after" in document:
        response.headers["Retry-After"] = str(max(1, round(document["retry_after"])))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="paramedic"'
    response.headers.extend(headers or {})
    return response


def install(app: Flask) -> None:
    """Make every error of `app` a problem document."""
    app.register_error_handler(Denied, _denied)
    app.register_error_handler(ParamedicError, lambda error: answer(problem_of(error)))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _internal)


def _denied(error: Denied) -> Response:
    more = {"retry_after": error.retry_after} if error.retry_after else {}
    return answer(problem(error.status, error.code, _TITLES[error.status], str(error), **more))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:
        return Response(error.get_response().response, status, list(error.get_headers()))
    names = {404: "not_found", 405: "method", 413: "too_large", 415: "media_type", 400: "bad_input"}
    details = {
        404: f"there is no {request.path[:200]} here",
        405: f"{request.path[:200]} does not take {request.method}",
        413: f"the body is larger than {(request.max_content_length or 0) >> 10} KiB",
        400: "the request, or its JSON body, cannot be read",
    }
    document = problem(
        status, names.get(status, "http"), error.name, details.get(status, error.description or error.name)
    )
    allow = {k: v for k, v in error.get_headers() if k == "Allow"}
    return answer(document, allow)


def _internal(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(problem(500, "internal", "Internal error", "this is a fault of paramedic's: see the hub's log"))
