"""The families of cAdvisor's that a container's cgroup and network give, and the slots of a container's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paramedic_collector.exposition import Family

LABELS = ("id", "image", "name")


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One place in a container's row: one series, or all those of a family that its devices or interfaces make."""

    index: int
    family: Family
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Labels besides the container's own, known beforehand."""


SLOTS: list[Slot] = []
"""All of them, in the order of a row."""


def family(kind: str, name: str, text: str, *labels: str, like: str = "cAdvisor") -> Family:
    """A family of containers; `name` without `container_`, `labels` besides the three that all have."""
    return Family(f"container_{name}", kind, text, tuple(sorted((*LABELS, *labels))), like=like)


def _slot(of: Family, **fixed: str) -> Slot:
    slot = Slot(len(SLOTS), of, fixed)
    SLOTS.append(slot)
    return slot


def _counter(name: str, text: str, *labels: str) -> Slot:
    return _slot(family("counter", name, text, *labels))


def _gauge(name: str, text: str, *labels: str) -> Slot:
    return _slot(family("gauge", name, text, *labels))


CPU_TOTAL = _slot(family("counter", "cpu_usage_seconds_total", "CPU time consumed, in seconds.", "cpu"), cpu="total")
CPU_USER = _counter("cpu_user_seconds_total", "CPU time consumed in user mode, in seconds.")
CPU_SYSTEM = _counter("cpu_system_seconds_total", "CPU time consumed in the kernel, in seconds.")
PERIODS = _counter("cpu_cfs_periods_total", "Periods of the CPU quota that have passed.")
THROTTLED = _counter("cpu_cfs_throttled_periods_total", "Periods in which the CPU quota was used up.")
THROTTLED_SECONDS = _counter(
    "cpu_cfs_throttled_seconds_total", "Time for which the CPU quota held it back, in seconds."
)
BURSTS = _counter("cpu_cfs_burst_periods_total", "Periods in which it took more than its CPU quota.")
BURST_SECONDS = _counter("cpu_cfs_burst_seconds_total", "CPU time taken beyond the quota, in seconds.")

USAGE = _gauge("memory_usage_bytes", "Memory in use, the page cache included.")
WORKING_SET = _gauge("memory_working_set_bytes", "Memory in use without the page cache that would be dropped first.")
MAX_USAGE = _gauge("memory_max_usage_bytes", "The most memory that was in use.")
FAILCNT = _counter("memory_failcnt", "How often the memory limit was hit.")
RSS = _gauge("memory_rss", "Anonymous memory, in bytes.")
CACHE = _gauge("memory_cache", "Page cache, in bytes.")
SWAP = _gauge("memory_swap", "Swap in use, in bytes.")
MAPPED = _gauge("memory_mapped_file", "Mapped files, in bytes.")
KERNEL = _gauge("memory_kernel_usage", "The kernel's own memory for it, in bytes.")
ACTIVE_FILE = _gauge("memory_total_active_file_bytes", "File-backed memory that was used lately.")
INACTIVE_FILE = _gauge("memory_total_inactive_file_bytes", "File-backed memory that was not used lately.")
ACTIVE_ANON = _gauge("memory_total_active_anon_bytes", "Anonymous memory that was used lately.")
INACTIVE_ANON = _gauge("memory_total_inactive_anon_bytes", "Anonymous memory that was not used lately.")
HUGE = _gauge("memory_anon_hugepages_bytes", "Anonymous memory in transparent huge pages.")
DIRTY = _gauge("memory_file_dirty_bytes", "Page cache that is to be written.")
WRITEBACK = _gauge("memory_file_writeback_bytes", "Page cache that is being written.")
_FAILURES = family("counter", "memory_failures_total", "Page faults.", "failure_type", "scope")
FAULTS = _slot(_FAILURES, failure_type="pgfault", scope="container")
MAJOR_FAULTS = _slot(_FAILURES, failure_type="pgmajfault", scope="container")
ALL_FAULTS = _slot(_FAILURES, failure_type="pgfault", scope="hierarchy")
ALL_MAJOR_FAULTS = _slot(_FAILURES, failure_type="pgmajfault", scope="hierarchy")
PGSCAN = _counter("memory_pgscan_total", "Pages looked at for reclaim.")
PGSTEAL = _counter("memory_pgsteal_total", "Pages reclaimed.")
REFAULT_FILE = _counter("memory_workingset_refault_file_total", "File pages read again soon after they were dropped.")
REFAULT_ANON = _counter(
    "memory_workingset_refault_anon_total", "Anonymous pages read again soon after they were swapped."
)
EVENTS_HIGH = _counter("memory_events_high_total", "How often it was slowed down for being above memory.high.")
EVENTS_MAX = _counter("memory_events_max_total", "How often it was about to go above memory.max.")
OOM = _counter("oom_events_total", "Processes of it that the kernel killed for lack of memory, over all its runs seen.")

THREADS = _gauge("threads", "Processes and threads in it.")
THREADS_MAX = _gauge("threads_max", "The most processes and threads that it may have; +Inf: as many as it likes.")

BLKIO = _counter("blkio_device_usage_total", "Bytes of block I/O.", "device", "major", "minor", "operation")
READS = _counter("fs_reads_total", "Reads from block devices.", "device")
READ_BYTES = _counter("fs_reads_bytes_total", "Bytes read from block devices.", "device")
WRITES = _counter("fs_writes_total", "Writes to block devices.", "device")
WRITTEN_BYTES = _counter("fs_writes_bytes_total", "Bytes written to block devices.", "device")


def _pressure(resource: str, of: str, kind: str) -> Slot:
    return _counter(f"pressure_{resource}_{kind}_seconds_total", f"Time that {of}, in seconds.")


PRESSURE = {
    resource: {
        b"some": _pressure(resource, f"some of its processes waited for {noun}", "waiting"),
        b"full": _pressure(resource, f"none of its processes could go on for want of {noun}", "stalled"),
    }
    for resource, noun in (("cpu", "CPU"), ("memory", "memory"), ("io", "I/O"))
}
"""Resource → the line's first word → its slot."""


def _network(direction: str, noun: str, text: str) -> Slot:
    return _counter(f"network_{direction}_{noun}_total", text, "interface")


NETWORK: tuple[tuple[Slot, int], ...] = (
    # Slot and its column of net/dev.
    (_network("receive", "bytes", "Bytes received."), 0),
    (_network("receive", "packets", "Packets received."), 1),
    (_network("receive", "errors", "Errors while receiving."), 2),
    (_network("receive", "packets_dropped", "Packets dropped while receiving."), 3),
    (_network("transmit", "bytes", "Bytes transmitted."), 8),
    (_network("transmit", "packets", "Packets transmitted."), 9),
    (_network("transmit", "errors", "Errors while transmitting."), 10),
    (_network("transmit", "packets_dropped", "Packets dropped while transmitting."), 11),
)

SPEC_PERIOD = _gauge("spec_cpu_period", "The period of its CPU quota, in microseconds.")
SPEC_QUOTA = _gauge("spec_cpu_quota", "Its CPU quota in each period, in microseconds.")
SPEC_SHARES = _gauge("spec_cpu_shares", "Its share of the CPU beside others; 1024 is the usual one.")
SPEC_MEMORY = _gauge("spec_memory_limit_bytes", "Its memory limit; 0: none.")
SPEC_SWAP = _gauge("spec_memory_swap_limit_bytes", "Its limit of swap (with cgroup v1: of memory and swap); 0: none.")
SPEC_RESERVATION = _gauge("spec_memory_reservation_limit_bytes", "Its soft memory limit; 0: none.")

LAST_SEEN = _gauge("last_seen", "When it was last measured, in Unix seconds.")
STARTED = _gauge("start_time_seconds", "When it was started, in Unix seconds.")
CREATED = _gauge("creation_time_seconds", "When it was created, in Unix seconds.")
COARSE = _slot(
    family(
        "gauge", "coarse", "1: its numbers are the engine's, read once a minute, for want of its cgroup.", like="ours"
    )
)

FAMILIES: tuple[Family, ...] = tuple(dict.fromkeys(slot.family for slot in SLOTS))
