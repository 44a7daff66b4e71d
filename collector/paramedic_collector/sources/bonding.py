"""Bonded interfaces: /sys/class/net/bonding_masters (Documentation/networking/bonding.rst of the kernel)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source

_SLAVES = gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.", "master")
_ACTIVE = gauge("node_bonding_active", "Number of active slaves per bonding interface.", "master")


class Bonding(Source):
    """How many interfaces each bond has, and how many of them work."""

    name = "bonding"
    families = (_SLAVES, _ACTIVE)

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("class/net")
        for master in self.files.text(f"{root}/bonding_masters").split():
            slaves = self.files.text(f"{root}/{master}/bonding/slaves").split()
            states = [self._state(f"{root}/{master}", slave) for slave in slaves]
            out.add(_SLAVES, len(slaves), master=master)
            out.add(_ACTIVE, states.count("up"), master=master)

    def _state(self, folder: str, slave: str) -> str:
        """Old kernels called the link `slave_` and the name."""
        return self.files.text(f"{folder}/lower_{slave}/bonding_slave/mii_status") or self.files.text(
            f"{folder}/slave_{slave}/bonding_slave/mii_status"
        )
