"""The collector's role: node and container metrics on its socket and on `collector.listen`."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import resource
import socket
import threading
from pathlib import Path

from paramedic_collector.exposition import CONTENT_TYPE
from paramedic_collector.own import Own
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Paths
from paramedic_collector.views import strange
from paramedic_core.clock import Clock
from paramedic_core.lifecycle import Readiness
from paramedic_core.problems import CONTENT_TYPE as PROBLEM
from paramedic_core.problems import problem
from paramedic_core.settings import CollectorSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role
from paramedic_core.sys.server import Request, Response
from paramedic_core.sys.tokens import TokenStore
from paramedic_core.world import World

log = logging.getLogger("paramedic.collector")
_MOST_FILES = 65536


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """The role, not yet started."""
    feed = WorldFeed(RoleClient(socket_path(data, "runtime"), "runtime"), clock)
    node = settings.node or socket.gethostname()

    def context() -> Context:
        return context_of(settings.collector, clock.now(), feed.world, host, node)

    scraper = Scraper(context, settings=settings.collector)
    own = Own(scraper, lambda: feed.silence)

    tokens = TokenStore(data / "tokens.json")
    needs_token = bool(settings.collector.listen) and not _on_loopback(settings.collector.listen)

    def metrics(request: Request) -> Response:
        if needs_token and request.peer is None and not _may_read(request, tokens):
            return _no_token()
        return Response((scraper.scrape() + own.render()).encode(), content_type=CONTENT_TYPE)

    return Role(
        name="collector",
        components=(_World(feed), _Sources(scraper, context().paths)),
        routes={"GET /metrics": metrics},
        listen=(settings.collector.listen,) if settings.collector.listen else (),
    )


def context_of(settings: CollectorSettings, now: float, world: World | None, host: str, node: str) -> Context:
    """The context of one scrape."""
    paths = Paths(settings.path_procfs, settings.path_sysfs, settings.path_rootfs, settings.path_udev_data)
    return Context(paths, now, world, host, node, settings.container_labels, settings.source_timeout, settings)


def _on_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _may_read(request: Request, tokens: TokenStore) -> bool:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = tokens.check(text.strip()) if scheme.lower() == "bearer" else None
    return token is not None and token.allows("viewer")


def _no_token() -> Response:
    text = "beyond loopback /metrics needs `Authorization: Bearer TOKEN`, a token of the role viewer or above"
    answer = json.dumps(problem(401, "no_token", "A token is needed", text)).encode()
    return Response(answer, 401, PROBLEM, {"WWW-Authenticate": "Bearer"})


class _World:
    """The feed, as a part without which the collector still works: it serves the node, and the last World."""

    name = "world"

    def __init__(self, feed: WorldFeed) -> None:
        self._feed = feed
        self.start, self.stop, self.healthy = feed.start, feed.stop, feed.healthy

    def ready(self) -> Readiness:
        return Readiness(ready=True, reason=self._feed.ready().reason)


class _Sources:
    """All sources."""

    name = "sources"

    def __init__(self, scraper: Scraper, paths: Paths) -> None:
        self._scraper, self._paths = scraper, paths
        self._first = threading.Thread(target=scraper.scrape, daemon=True, name="first-scrape")

    def start(self) -> None:
        """Room for descriptors (six a container), and a first scrape, which opens and prepares everything."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        with contextlib.suppress(ValueError, OSError):  # a sandbox may forbid it; then fewer descriptors are held
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        for text in strange(self._paths):
            log.warning("what is measured is not all the host's: %s", text)
        self._first.start()

    def stop(self) -> None:
        self._scraper.close()

    def ready(self) -> Readiness:
        if not self._scraper.scrapes:
            return Readiness(ready=False, reason="the first scrape is under way")
        return Readiness(ready=True, reason="; ".join(f"{n}: {e}" for n, e in sorted(self._scraper.errors.items())))

    def healthy(self) -> Readiness:
        return Readiness(ready=True)
