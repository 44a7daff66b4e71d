"""/proc/stat without its CPU lines, proc_stat(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, counter, digits, gauge, prefix
from paramedic_collector.source import Context, Source

_FIELDS = {
    b"intr": counter("node_intr_total", "Total number of interrupts serviced."),
    b"ctxt": counter("node_context_switches_total", "Total number of context switches."),
    b"processes": counter("node_forks_total", "Total number of forks."),
    b"btime": gauge("node_boot_time_seconds", "Node boot time, in unixtime."),
    b"procs_running": gauge("node_procs_running", "Number of processes in runnable state."),
    b"procs_blocked": gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
}
_SOFT = counter("node_softirqs_total", "Number of softirq calls.", "vector")
_VECTORS = ("hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu")
"""In the order of the kernel's softirq_to_name; the line's first number is their sum."""


class Stat(Source):
    """Interrupts, context switches, forks, boot time and runnable processes."""

    name = "stat"
    families = (*_FIELDS.values(), _SOFT)

    def __init__(self) -> None:
        self._starts = {family: f"{family.name} " for family in _FIELDS.values()}
        self._vectors = [prefix(_SOFT.name, {"vector": vector}) for vector in _VECTORS]

    def collect(self, context: Context, out: Exposition) -> None:
        for line in self.files.read(context.paths.proc("stat"), whole=True).splitlines():
            # The line of interrupts has a number for each that exists; only its first, the sum, is wanted.
            name, *rest = line.split(None, 2)[:2] or (b"",)
            family = _FIELDS.get(name)
            if family is not None and rest:
                out.of(family).append(self._starts[family] + digits(rest[0]))
            elif name == b"softirq" and context.settings.stat.softirq:
                counts = line.split()[2:]
                out.of(_SOFT).extend(
                    [start + digits(count) for start, count in zip(self._vectors, counts, strict=False)]
                )
