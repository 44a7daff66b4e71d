"""Role: what the supervisor needs to know to run one part as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paramedic_core.lifecycle import Component
from paramedic_core.sys.server import Handler, Request, Response, Routes, json_response

if TYPE_CHECKING:
    from paramedic_core.sys.tls import ServerTls  # ssl is 2 MB that only a role with a certificate needs


@dataclass(frozen=True, slots=True)
class Role:
    """One role, built and not yet started.

    Each part's `role.py` has `build(settings, data, host, clock) -> Role`.
    """

    name: str
    components: Sequence[Component]
    """In the order of starting; stopped in reverse."""
    routes: Routes = field(default_factory=dict)
    """Its own paths; the standard three are added."""
    listen: tuple[str, ...] = ()
    """`HOST:PORT`s on which the routes are served too."""
    tls: ServerTls | None = None
    """Of its TCP listeners; None: plain HTTP."""
    metrics: Callable[[], str] = lambda: ""
    """Its own metrics, as text exposition."""


def standard_routes(role: Role) -> dict[str, Handler]:
    """`/metrics` (unless the role has its own), `/-/ready`, `/-/healthy`."""

    def metrics(_request: Request) -> Response:
        return Response(role.metrics().encode(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return {
        "GET /metrics": metrics,
        "GET /-/ready": lambda _request: _verdict(role, "ready"),
        "GET /-/healthy": lambda _request: _verdict(role, "healthy"),
        **role.routes,
    }


def _verdict(role: Role, question: str) -> Response:
    parts = {c.name: (c.ready() if question == "ready" else c.healthy()) for c in role.components}
    good = all(p.ready for p in parts.values())
    answers = {name: {"ready": p.ready, "reason": p.reason} for name, p in parts.items()}
    return json_response({"role": role.name, question: good, "parts": answers}, 200 if good else 503)
