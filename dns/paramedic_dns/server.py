"""The server: the latest names, the sockets, and the loop that brings them together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from paramedic_core.clock import Clock
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import DnsSettings
from paramedic_core.world import World
from paramedic_dns import netif
from paramedic_dns.desk import Desk
from paramedic_dns.doors import Doors
from paramedic_dns.handler import Kit
from paramedic_dns.keep import Keep
from paramedic_dns.loop import Loop
from paramedic_dns.netif import Interface
from paramedic_dns.slim import same_names, slim
from paramedic_dns.stats import Stats
from paramedic_dns.zone import Zone, build

log = logging.getLogger("paramedic.dns")
_AGAIN = 5.0
"""Seconds between looks at interfaces, and tries to open what could not be opened."""


class DnsServer:
    """A Component.

    Args:
        settings: its part of the configuration.
        node: this host's name.
        keep: where the last World is kept.
        stats: its counters.
        clock: the time, to tell how late a change was.
    """

    name = "names"

    def __init__(self, settings: DnsSettings, node: str, keep: Keep, stats: Stats, clock: Clock) -> None:
        self._domain, self._node, self._keep, self._stats, self._clock = settings.zone, node, keep, stats, clock
        self.zone: Zone | None = None
        self.local: Sequence[Interface] = netif.interfaces()
        self.from_disk = False
        """The names are those of an earlier life; runtime has not been heard since."""
        self.confirmed: Callable[[], float] = lambda: 0.0
        """When the engine last confirmed what is known, in Unix seconds: names may stay as they are for days."""
        self._taken: World | None = None
        """The last World that runtime gave, and that changed a name."""
        self.loop = Loop()
        apex = build(World("", "", 0, 0.0), settings.zone).apex
        kit = Kit(settings, apex, self.loop, stats, lambda: self.zone, lambda: self.local, lambda: self.doors.open)
        self.desk = Desk(kit)
        self.doors = Doors(settings, self.loop, self.desk, stats)
        self._gauges(stats)
        stats.before_render = lambda: self.loop.ask(self.desk.count, None)

    def start(self) -> None:
        """Answer with what was last known, at once."""
        world = self._keep.load()
        if world is not None:
            self.zone, self.from_disk = build(world, self._domain, self._node), True
        self.loop.call(self._look)
        self.loop.start()

    def stop(self) -> None:
        """Close every socket."""
        self.loop.stop(self.doors.close)

    def take(self, world: World) -> None:
        """Take a new World; called from another thread.

        A World of an engine that is away changes nothing: its containers are as they were, as far as anybody knows.
        """
        if not world.engine.connected and self.zone is not None:
            return
        if not world.engine.connected and not world.containers:
            return
        new, old = slim(world), self._taken
        if old is not None and same_names(old, new):
            return
        self._taken = new
        zone = build(new, self._domain, self._node)
        self._keep.offer(new)
        self.loop.call(lambda: self._swap(zone))

    def ready(self) -> Readiness:
        """Whether names can be asked for at every address where they should be."""
        if not self.doors.open and not self.doors.shut:
            return Readiness(ready=False, reason="no address is open yet")
        if self.doors.shut:
            what = "; ".join(f"{a}: {why}" for a, why in sorted(self.doors.shut.items()))
            return Readiness(ready=False, reason=f"not answering on {what}")
        if self.zone is None:
            return Readiness(ready=False, reason="nothing is known of the engine's containers yet")
        reasons = [*self.desk.failures, *(("names as last known before this role started",) if self.from_disk else ())]
        return Readiness(ready=True, reason="; ".join(reasons))

    def healthy(self) -> Readiness:
        """Whether the loop goes round."""
        alive = self.loop.alive
        return Readiness(ready=alive, reason="" if alive else "the loop has stopped going round")

    def _swap(self, zone: Zone) -> None:
        self.zone, self.from_disk = zone, False
        self._stats.add("paramedic_dns_zone_builds_total")
        self._stats.programming.observe(max(0.0, self._clock.now() - zone.world.at))
        self._settle()

    def _look(self) -> None:
        """Again and again: a bridge may come or go, a port become free."""
        self.loop.later(_AGAIN, self._look)
        found = netif.interfaces()
        if found != self.local or self.doors.shut or not self.doors.open:
            self.local = found
            self._settle(found)

    def _settle(self, found: Sequence[Interface] | None = None) -> None:
        self.local = netif.interfaces() if found is None else found
        self.desk.clear()
        self.doors.settle(self.zone, self.local)

    def _gauges(self, stats: Stats) -> None:
        def zone_size() -> float:
            return float(len(self.zone.entries)) if self.zone else 0.0

        def conflicts() -> float:
            return float(len(self.zone.conflicts)) if self.zone else 0.0

        stats.gauge("paramedic_dns_names", "Names in the zone.", zone_size)
        stats.gauge("paramedic_dns_name_conflicts", "Names that two services come to.", conflicts)
        stats.gauge("coredns_panics_total", "Callbacks that failed.", lambda: float(self.loop.errors))
        stats.gauge("paramedic_dns_doors", "Local addresses that are answered on.", lambda: float(len(self.doors.open)))
        stats.gauge("paramedic_dns_doors_shut", "Those that should be and cannot.", lambda: float(len(self.doors.shut)))
        stats.gauge("paramedic_dns_connections", "TCP connections.", lambda: float(len(self.doors.connections)))
