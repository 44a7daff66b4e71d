"""Where a person finds the page."""

from __future__ import annotations


from paramedic_core.settings import HubSettings

_ANYWHERE = ("0.0.0.0", "[::]")  # noqa: S104  compared, not bound


def page(hub: HubSettings) -> str:
    """Its address: what the settings say, or the host's loopback, where Compose publishes it."""
    if hub.public_url:
        return hub.public_url
    host, _, port = hub.listen.rpartition(":")
    return f"http://{'127.0.0.1' if host in _ANYWHERE else host}:{port}/"
