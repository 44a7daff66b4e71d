"""What stands before the application until somebody needs it.

Flask, Jinja, pydantic's shapes and the views take as much memory as half of the hub does without them. A host whose page
nobody opens, and whose queries nobody asks, does not pay for them: they are loaded by the first request that needs them,
and then stay (docs/decisions/011).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from paramedic_api.headers import SAFE
from paramedic_api.hosts import from_afar, known_host
from paramedic_api.hub import Hub
from paramedic_core.sys.haste import in_haste

log = logging.getLogger("paramedic.api")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""WSGI (PEP 3333)."""
_QUESTIONS = {"/-/healthy": "healthy", "/-/ready": "ready"}
_STATUS = {200: "200 OK", 503: "503 Service Unavailable"}


class Lobby:
    """The application of a hub, made by the first request that needs it; whether the hub is well is said without it.

    Args:
        hub: whose application it is.
        make: makes it; whatever it raises is that request's error, and the next one tries again.
    """

    def __init__(self, hub: Hub, make: Callable[[Hub], Application]) -> None:
        self._hub, self._make = hub, make
        self._app: Application | None = None
        self._making = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._app is None:
            question = _QUESTIONS.get(environ.get("PATH_INFO", ""), "")
            if question and _may_read(environ, self._hub):
                return self._verdict(environ["PATH_INFO"], question, start_response)
        return self._made()(environ, start_response)

    def _made(self) -> Application:
        if self._app is None:
            with self._making:
                if self._app is None:
                    began = time.perf_counter()
                    self._app = in_haste(lambda: self._make(self._hub))  # a person waits
                    log.debug("the page and the API were loaded in %.2f s", time.perf_counter() - began)
        return self._app

    def _verdict(self, route: str, question: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """As `routes.health` answers."""
        began, metrics = time.perf_counter(), self._hub.metrics
        document, status = self._hub.verdict(question)
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        own = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        start_response(_STATUS[status], list({**own, **SAFE}.items()))
        metrics.requests.labels(route, str(status)).inc()
        metrics.seconds.observe(time.perf_counter() - began)
        return [body]


def _may_read(environ: Mapping[str, Any], hub: Hub) -> bool:
    """Whether it is plain that this is a bare question from this machine, so that `auth.check_request` would let it pass.

    Whoever brings a token, comes through a proxy or calls us by a name that is not ours is the application's business.
    """
    own, host = hub.settings.hub, str(environ.get("HTTP_HOST", ""))
    if environ["REQUEST_METHOD"] != "GET" or "HTTP_AUTHORIZATION" in environ or environ.get("CONTENT_LENGTH"):
        return False
    if own.public_url or own.trusted_proxies or not known_host(host, own.listen, own.allowed_hosts):
        return False
    headers = {key[5:].replace("_", "-").title(): "" for key in environ if key.startswith("HTTP_")}
    return not from_afar(headers, own.listen, str(environ.get("REMOTE_ADDR", "")))
