"""The collector's role: node and container metrics on its socket and on `collector.listen`."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic_collector.access import Access
from paramedic_collector.apps import Apps
from paramedic_collector.coarse import Coarse
from paramedic_collector.ends import Ends
from paramedic_collector.negotiate import answer, wants_openmetrics
from paramedic_collector.own import Own
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Paths
from paramedic_collector.views import strange
from paramedic_core.clock import Clock
from paramedic_core.codec import from_plain
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import CollectorSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role
from paramedic_core.sys.server import Request, Response
from paramedic_core.sys.tokens import TokenStore
from paramedic_core.usage import Usage
from paramedic_core.world import World

if TYPE_CHECKING:
    from paramedic_core.sys.tls import ServerTls

log = logging.getLogger("paramedic.collector")
_MOST_FILES = 65536
_PATIENCE = 15.0
"""Seconds that runtime may take to ask the engine about one container."""


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """The role, not yet started."""
    runtime = RoleClient(socket_path(data, "runtime"), "runtime")
    ends = Ends()
    feed = WorldFeed(runtime, clock, on_change=ends.hear)
    coarse = Coarse(lambda target: from_plain(Usage, runtime.get(f"/usage/{target}", timeout=_PATIENCE)), clock)
    node = settings.node or socket.gethostname()

    def context() -> Context:
        known = context_of(settings.collector, clock.now(), feed.world, host, node)
        return replace(known, coarse=coarse, ends=ends)

    scraper = Scraper(context, settings=settings.collector)
    apps = Apps(settings.collector, lambda: feed.world, clock)
    own = Own(scraper, apps, lambda: feed.silence)

    access = Access(settings.collector, TokenStore(data / "tokens.json"))

    def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        text = scraper.scrape(openmetrics=openmetrics) + own.render(openmetrics=openmetrics)
        return answer(text, openmetrics=openmetrics, accept_encoding=request.headers.get("accept-encoding", ""))

    return Role(
        name="collector",
        components=(_World(feed), _Sources(scraper, context().paths)),
        routes={path: access.guarded(h) for path, h in {"GET /metrics": metrics, **apps.routes()}.items()},
        listen=(settings.collector.listen,) if settings.collector.listen else (),
        tls=_tls(settings.collector),
    )


def context_of(settings: CollectorSettings, now: float, world: World | None, host: str, node: str) -> Context:
    """The context of one scrape."""
    paths = Paths(settings.path_procfs, settings.path_sysfs, settings.path_rootfs, settings.path_udev_data)
    return Context(paths, now, world, host, node, settings.container_labels, settings.source_timeout, settings)


def _tls(settings: CollectorSettings) -> ServerTls | None:
    if not settings.tls_cert:
        return None
    from paramedic_core.sys.tls import ServerTls  # noqa: PLC0415  2 MB that few need

    return ServerTls(Path(settings.tls_cert), Path(settings.tls_key))


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
