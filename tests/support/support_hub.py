"""A hub over stand-in roles: through Flask's test client, or served on a real port."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from paramedic_api.app import make_app
from paramedic_api.hub import Hub, make_hub
from paramedic_api.serve import Server
from paramedic_core.clock import SystemClock
from paramedic_core.settings import Channel, HeartbeatSettings, HubSettings, MetricsSettings, Settings
from support_house import House
from support_shop import HOST, furnish, shop_world
from support_wait import wait_until


@dataclass
class Stand:
    """A house with its hub."""

    house: House
    hub: Hub
    app: Flask
    server: Server

    @property
    def client(self) -> FlaskClient:
        """A browser or script on this machine, with a cookie jar of its own."""
        return self.app.test_client()

    @property
    def url(self) -> str:
        """Where the hub is served."""
        return f"http://127.0.0.1:{self.server.port}/"

    def token(self, role: str) -> str:
        """A new token of a role."""
        return self.house.tokens.create(f"{role}-{len(self.house.tokens.list())}", role)

    def signed(self, role: str) -> dict[str, str]:
        """Headers with a new token of a role."""
        return {"Authorization": f"Bearer {self.token(role)}"}

    def wait_known(self) -> None:
        """Return when the hub knows what every stand-in says."""
        wait_until(lambda: all(c.ready().ready for c in (self.hub.feed, self.hub.mirror, self.hub.history)))


@contextlib.contextmanager
def stand(
    *roles: str,
    serve: bool = False,
    furnished: bool = True,
    node: str = "tuna",
    metrics: MetricsSettings | None = None,
    notify: tuple[Channel, ...] = (),
    heartbeat: HeartbeatSettings | None = None,
    prepare: Callable[[Path], object] = lambda _data: None,
    **hub_settings: Any,
) -> Iterator[Stand]:
    """A hub over the shop.

    Args:
        roles: which stand-ins run; all when none is named, `none` for none.
        serve: whether on a real port.
        furnished: whether there are incidents and figures.
        node: the host's name.
        metrics: settings of the store; else its collector is scraped every second.
        notify: the channels by which people are told.
        heartbeat: the sign of life; none when left out.
        prepare: called with the data directory before the hub opens its stores.
        hub_settings: of `HubSettings`.
    """
    with tempfile.TemporaryDirectory(prefix="pm") as folder:
        house = House(Path(folder), shop_world())
        prepare(house.data)
        if furnished:
            furnish(house)
        if roles != ("none",):
            house.start(*roles)
        known = {"listen": "127.0.0.1:0" if serve else "127.0.0.1:9110", "scrape_interval": 1.0}
        settings = Settings(
            node=node,
            hub=HubSettings(**{**known, **hub_settings}),
            metrics=metrics or MetricsSettings(scrape_interval=1.0),
            notify=notify,
            heartbeat=heartbeat or HeartbeatSettings(),
        )
        hub = make_hub(settings, house.data, HOST, SystemClock())
        app = make_app(hub)
        server = Server(app, hub)
        for component in hub.components:
            component.start()
        if serve:
            server.start()
        try:
            if serve:
                wait_until(lambda: server.port and server.ready().ready)
            yield Stand(house, hub, app, server)
        finally:
            server.stop()
            for component in reversed(hub.components):
                component.stop()
            house.stop()
