"""dns as a role: follows runtime's World, and answers its names to the host and its containers."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.errors import ConfigError
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role
from paramedic_dns.explain import routes
from paramedic_dns.keep import Keep
from paramedic_dns.names import wire
from paramedic_dns.server import DnsServer
from paramedic_dns.stats import Stats

_MOST_ZONE = 64


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:  # noqa: ARG001  every role is built alike
    """Put the server together; nothing runs yet.

    Raises:
        ConfigError: a setting of `dns` is wrong; the text says which.
    """
    _check_zone(settings.dns.zone)
    # While another thread builds new names, the loop gets its turn after half a millisecond instead of five.
    sys.setswitchinterval(0.0005)
    folder = data / "dns"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stats = Stats()
    keep = Keep(folder / "world.json.z", stats)
    server = DnsServer(settings.dns, settings.node or socket.gethostname(), keep, stats, clock)
    feed = WorldFeed(RoleClient(socket_path(data, "runtime"), "runtime"), clock, server.take)
    server.confirmed = lambda: feed.world.at if feed.world is not None else 0.0
    return Role(
        "dns", [keep, server, _World(feed, server)], routes(server, int(settings.dns.ttl)), metrics=stats.render
    )


def _check_zone(zone: str) -> None:
    """Labels and prefixes of up to 64 bytes each must have room before it.

    Raises:
        ConfigError: it is no domain name, or a top-level domain.
    """
    try:
        key = wire(zone)
    except (ValueError, UnicodeError) as error:
        raise ConfigError(f"dns.zone: {error}") from None
    if len(key) > _MOST_ZONE or zone.strip(".").count(".") < 1:
        raise ConfigError(f"dns.zone: {zone!r} must have two labels at least, and {_MOST_ZONE - 2} characters at most")


class _World:
    """The feed, as a part without which names still resolve: those last known."""

    name = "world"

    def __init__(self, feed: WorldFeed, server: DnsServer) -> None:
        self._feed, self._server = feed, server
        self.start, self.stop, self.healthy = feed.start, feed.stop, feed.healthy

    def ready(self) -> Readiness:
        """Not ready only before anything is known."""
        known, reason = self._server.zone is not None, self._feed.ready().reason
        return Readiness(ready=known, reason=reason or ("" if known else "runtime has not reached the engine yet"))
