"""The role `hub`: the API and the page."""

from __future__ import annotations

import sys
from pathlib import Path

from paramedic_api.hub import Hub, make_hub
from paramedic_api.lobby import Application, Lobby
from paramedic_api.messages import state
from paramedic_api.serve import Server
from paramedic_core.clock import Clock
from paramedic_core.settings import Settings
from paramedic_core.sys.role import Role
from paramedic_core.sys.server import json_response


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """The role, not yet started.

    Its server listens by itself on `hub.listen`: browsers need more than the server of the roles' own traffic gives.
    """
    # A page's thread that waits for the interpreter beside two queries waits 1 ms for each turn, not Python's usual 5.
    sys.setswitchinterval(0.001)
    hub = make_hub(settings, data, host, clock)
    server = Server(Lobby(hub, _application), hub)
    hub.components.append(server)
    own = {
        **state.routes(hub.messages, hub.heartbeat, settings, host),
        # What `paramedic query` and `paramedic doctor` ask.
        "GET /address": lambda _request: json_response({"listen": server.listens}),
        "GET /damage": lambda _request: json_response({"metrics": hub.damage()}),
    }
    return Role("hub", tuple(hub.components), own, metrics=hub.render)


def _application(hub: Hub) -> Application:
    from paramedic_api.app import make_app  # noqa: PLC0415  the larger half of the hub: see lobby.py
    from paramedic_api.history import recalled  # noqa: PLC0415  as above

    app = make_app(hub)
    recalled.begin(hub)
    return app
