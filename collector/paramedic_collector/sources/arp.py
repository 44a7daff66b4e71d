"""/proc/net/arp, arp(7)."""

from __future__ import annotations

from collections import Counter

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source


class Arp(Source):
    """Neighbours known by each interface."""

    name = "arp"
    families = (gauge("node_arp_entries", "ARP entries by device", "device"),)

    def __init__(self) -> None:
        self._path = ""
        self._wanted = Filter()

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._path:
            self._path = context.paths.net("arp")
            self._wanted = Filter(context.settings.arp.device_exclude, context.settings.arp.device_include)
        lines = self.files.read(self._path).splitlines()[1:]
        for device, count in Counter([line.rpartition(b" ")[2] for line in lines]).items():
            name = device.decode("utf-8", "replace")
            if self._wanted(name):
                out.add(self.families[0], count, device=name)
