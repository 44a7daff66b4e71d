"""/proc/stat without its CPU lines, proc_stat(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.files import Held
from paramedic_collector.source import Context, Source

_FIELDS = {
    b"intr": Family("node_intr_total", "counter", "Total number of interrupts serviced."),
    b"ctxt": Family("node_context_switches_total", "counter", "Total number of context switches."),
    b"processes": Family("node_forks_total", "counter", "Total number of forks."),
    b"btime": Family("node_boot_time_seconds", "gauge", "Node boot time, in unixtime."),
    b"procs_running": Family("node_procs_running", "gauge", "Number of processes in runnable state."),
    b"procs_blocked": Family("node_procs_blocked", "gauge", "Number of processes blocked waiting for I/O to complete."),
}


class Stat(Source):
    """Interrupts, context switches, forks, boot time and runnable processes."""

    name = "stat"
    families = tuple(_FIELDS.values())

    def __init__(self) -> None:
        self._file: Held | None = None

    def collect(self, context: Context, out: Exposition) -> None:
        if self._file is None:
            self._file = Held(context.paths.proc("stat"))
        for line in self._file.read().splitlines():
            # The line of interrupts has a number for each that exists; only its first, the sum, is wanted.
            name, *rest = line.split(None, 2)[:2] or (b"",)
            family = _FIELDS.get(name)
            if family is not None and rest:
                out.add(family, int(rest[0]))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
