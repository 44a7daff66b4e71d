"""From one scrape (and the one before) to figures: rates of counters, sums over what a person would not tell apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from paramedic_api.history.exposition import Sample

WANTED = frozenset(
    {
        "node_cpu_seconds_total",
        "node_memory_MemTotal_bytes",
        "node_memory_MemAvailable_bytes",
        "node_filesystem_size_bytes",
        "node_filesystem_avail_bytes",
        "node_filesystem_free_bytes",
        "node_network_receive_bytes_total",
        "node_network_transmit_bytes_total",
        "node_pressure_memory_waiting_seconds_total",
        "node_boot_time_seconds",
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_memory_usage_bytes",
    }
)
"""The families that are read; names as node_exporter's and cAdvisor's."""
_VIRTUAL = re.compile(r"^(lo|veth|docker|br-|virbr|cni|flannel|cali|tun|tap|dummy)")
_ID = re.compile(r"[0-9a-f]{64}")
_IDLE = ("idle", "iowait", "steal")
Families = Mapping[str, list[Sample]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape came to: counters by series, and gauges that stand for themselves."""

    at: float
    """Monotonic seconds."""
    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    """What is shown and not charted: cpu_cores, boot_time."""


def digest(families: Families, at: float) -> Scrape:
    """Sum a scrape up.

    Series: `node:cpu`, `node:memory`, `node:memory_total`, `node:disk`, `node:disk_total`, `node:rx`, `node:tx`,
    `node:pressure`, and `cpu:ID` and `memory:ID` for each container.
    """
    scrape = Scrape(at)
    _node(families, scrape)
    for name, series in (("rx", "receive"), ("tx", "transmit")):
        samples = families.get(f"node_network_{series}_bytes_total", [])
        real = [s.value for s in samples if not _VIRTUAL.match(s.labels.get("device", ""))]
        if real:
            scrape.counters[f"node:{name}"] = sum(real)
    _containers(families, scrape)
    return scrape


def rates(before: Scrape | None, now: Scrape) -> dict[str, float]:
    """Figures for the rings: gauges as they are, counters as a rate a second; one that went back is left out."""
    values = dict(now.gauges)
    if before is None or now.at <= before.at:
        return values
    span = now.at - before.at
    for name, value in now.counters.items():
        old = before.counters.get(name)
        if old is not None and value >= old:
            values[name] = (value - old) / span
    return values


def _node(families: Families, scrape: Scrape) -> None:
    cpu = families.get("node_cpu_seconds_total", [])
    if cpu:
        scrape.counters["node:cpu"] = sum(s.value for s in cpu if s.labels.get("mode") not in _IDLE)
        scrape.facts["cpu_cores"] = len({s.labels.get("cpu") for s in cpu})
    total, available = _one(families, "node_memory_MemTotal_bytes"), _one(families, "node_memory_MemAvailable_bytes")
    if total is not None and available is not None:
        scrape.gauges["node:memory"] = total - available
        scrape.gauges["node:memory_total"] = total
    pressure = _one(families, "node_pressure_memory_waiting_seconds_total")
    if pressure is not None:
        scrape.counters["node:pressure"] = pressure
    boot = _one(families, "node_boot_time_seconds")
    if boot is not None:
        scrape.facts["boot_time"] = boot
    disk = _fullest(families)
    if disk is not None:
        scrape.gauges["node:disk"], scrape.gauges["node:disk_total"] = disk


def _fullest(families: Families) -> tuple[float, float] | None:
    """What is used of the file system at `/`, and what could be; where that is not seen, of the fullest one.

    As df(1) says it: what only root may still write, of an ext4 a twentieth, counts as neither.
    """
    avail, free = (
        {s.labels.get("mountpoint", ""): s.value for s in families.get(f"node_filesystem_{what}_bytes", [])}
        for what in ("avail", "free")
    )
    found: dict[str, tuple[float, float]] = {}
    for sample in families.get("node_filesystem_size_bytes", []):
        mount = sample.labels.get("mountpoint", "")
        if sample.value > 0 and mount in avail:
            used = sample.value - free.get(mount, avail[mount])
            found[mount] = (used, max(1.0, used + avail[mount]))
    if "/" in found:
        return found["/"]
    return max(found.values(), key=lambda d: d[0] / d[1], default=None)


def _containers(families: Families, scrape: Scrape) -> None:
    cpu: dict[str, float] = {}
    for sample in families.get("container_cpu_usage_seconds_total", []):
        key = container_of(sample.labels)
        if key:
            # cAdvisor writes either one series with cpu="total" or one for each processor, never both.
            cpu[key] = cpu.get(key, 0.0) + sample.value
    scrape.counters.update({f"cpu:{key}": value for key, value in cpu.items()})
    for family in ("container_memory_usage_bytes", "container_memory_working_set_bytes"):
        for sample in families.get(family, []):
            key = container_of(sample.labels)
            if key:
                scrape.gauges[f"memory:{key}"] = sample.value


def container_of(labels: Mapping[str, str]) -> str:
    """The container's full id, which ends cAdvisor's `id` label (a cgroup path); else its name; empty for neither."""
    match = _ID.search(labels.get("id", ""))
    return match[0] if match else labels.get("name", "")


def _one(families: Families, name: str) -> float | None:
    samples = families.get(name)
    return samples[0].value if samples else None
