"""/proc/sys/kernel/random, random(4)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source


class Entropy(Source):
    """The kernel's pool of random bits."""

    name = "entropy"
    families = (
        gauge("node_entropy_available_bits", "Bits of available entropy."),
        gauge("node_entropy_pool_size_bits", "Bits of entropy pool."),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        for family, file in zip(self.families, ("entropy_avail", "poolsize"), strict=True):
            out.add(family, int(self.files.read(context.paths.proc("sys/kernel/random", file), whole=True)))
