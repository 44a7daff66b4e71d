"""Where a person finds the page."""

from __future__ import annotations

import os

from paramedic_core.settings import HubSettings

_ANYWHERE = ("0.0.0.0", "[::]")  # noqa: S104  compared, not bound


def page(hub: HubSettings) -> str:
    """Its address: what the settings say, or the host's loopback, where Compose publishes it.

    A container cannot know the port of the host that it is published on; Compose says it in PARAMEDIC_LOGIN_LINK.
    """
    told = os.environ.get("PARAMEDIC_LOGIN_LINK", "")
    if hub.public_url or told.startswith("http"):
        return hub.public_url or f"{told.rstrip('/')}/"
    host, _, port = hub.listen.rpartition(":")
    return f"http://{'127.0.0.1' if host in _ANYWHERE else host}:{port}/"
