"""Real containers, recorded under cgroup v1, v2 (systemd's driver) and both at once: see recorded/record.py."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector.cadvisor import FAMILIES, SLOTS
from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.container import Containers
from paramedic_core.model import Container
from support_collector import ALONE, NOW, collect, container, paths, samples, unpack, world

RECORDED = Path(__file__).parent / "recorded"
_V2_ONLY = {
    "container_memory_events_high_total", "container_memory_events_max_total", "container_memory_pgscan_total",
    "container_memory_pgsteal_total", "container_memory_workingset_refault_anon_total",
    "container_memory_workingset_refault_file_total",
}  # fmt: skip
_IO = {name for name in (family.name for family in FAMILIES) if "_fs_" in name or "blkio" in name}


def _recording(name: str, folder: Path) -> tuple[Paths, Container]:
    unpack(RECORDED / f"{name}.ttar", folder)
    process = next((folder / "proc").iterdir())
    found = re.search("[0-9a-f]{64}", (process / "cgroup").read_text())
    assert found is not None
    return paths(folder), replace(container(pid=int(process.name), created_at=NOW - 90), id=found[0])


def _values(name: str, folder: Path) -> dict[str, float]:
    where, c = _recording(name, folder)
    source = Containers()
    text = collect(source, Context(where, NOW, world([c]), settings=ALONE))
    source.close()
    assert text.count(c.id) == len(samples(text))
    return {key.replace(f'id="/docker/{c.id}",image="busybox:1",', ""): value for key, value in samples(text).items()}


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("v2", set()),
        # This kernel counts block I/O of v1 for a device only once a limit was set for it: the recorded files have none.
        ("hybrid", _V2_ONLY | _IO),
        ("v1", _V2_ONLY | _IO | {f.name for f in FAMILIES if "pressure" in f.name}),
    ],
)
def test_every_family_that_the_kernel_gives_is_there(name: str, absent: set[str], tmp_path: Path) -> None:
    found = {key.partition("{")[0] for key in _values(name, tmp_path)}
    assert found == {family.name for family in FAMILIES} - absent - {"container_coarse"}  # that is without a cgroup


def test_v2_with_systemds_driver(tmp_path: Path) -> None:
    found = _values("v2", tmp_path)
    expected = {
        'container_blkio_device_usage_total{device="/dev/vda",%,major="254",minor="0",operation="Read"}': 8519680,
        'container_cpu_usage_seconds_total{cpu="total",%}': 1.906605,
        "container_cpu_cfs_periods_total{%}": 37,
        "container_cpu_cfs_throttled_periods_total{%}": 31,
        "container_cpu_cfs_throttled_seconds_total{%}": 1.500839,
        'container_fs_reads_total{device="/dev/vda",%}': 10,
        'container_fs_writes_bytes_total{device="/dev/vda",%}': 8388608,
        "container_memory_usage_bytes{%}": 9089024,
        "container_memory_working_set_bytes{%}": 9089024 - 8507392,
        "container_memory_max_usage_bytes{%}": 10702848,
        "container_memory_kernel_usage{%}": 520192,
        'container_memory_failures_total{failure_type="pgmajfault",%,scope="hierarchy"}': 1,
        "container_pressure_cpu_stalled_seconds_total{%}": 1.475165,
        "container_spec_cpu_period{%}": 100000,
        "container_spec_cpu_quota{%}": 50000,
        "container_spec_cpu_shares{%}": 2 + 99 * 262142 // 9999,
        "container_spec_memory_limit_bytes{%}": 64 << 20,
        "container_spec_memory_reservation_limit_bytes{%}": 32 << 20,
        "container_threads{%}": 1,
        "container_threads_max{%}": 50,
        'container_network_receive_packets_total{%,interface="eth0"}': 13,
    }
    _same(found, expected)


@pytest.mark.parametrize("name", ["v1", "hybrid"])
def test_v1_with_and_without_v2_beside_it(name: str, tmp_path: Path) -> None:
    expected = {
        'container_cpu_usage_seconds_total{cpu="total",%}': 0.082076178,
        "container_cpu_system_seconds_total{%}": 0.02,
        "container_cpu_cfs_periods_total{%}": 6,
        "container_memory_usage_bytes{%}": 8957952,
        "container_memory_max_usage_bytes{%}": 10358784,
        "container_memory_kernel_usage{%}": 512000,
        "container_memory_cache{%}": 8 << 20,
        "container_memory_total_inactive_anon_bytes{%}": 53248,
        'container_memory_failures_total{failure_type="pgfault",%,scope="container"}': 1513,
        "container_spec_cpu_quota{%}": 50000,
        "container_spec_cpu_shares{%}": 1024,
        "container_spec_memory_limit_bytes{%}": 64 << 20,
        "container_spec_memory_swap_limit_bytes{%}": 128 << 20,
        "container_spec_memory_reservation_limit_bytes{%}": 32 << 20,
        "container_threads_max{%}": 50,
    }
    if name == "hybrid":
        expected["container_pressure_io_waiting_seconds_total{%}"] = 0.005277
    found = _values(name, tmp_path)
    if name == "v1":
        # Recorded from the same container a moment later.
        for key in ("cpu_usage_seconds_total{cpu=", "memory_failures_total{failure_type="):
            expected = {k: v for k, v in expected.items() if key not in k}
    _same(found, expected)


def _same(found: dict[str, float], expected: dict[str, float]) -> None:
    by_labels = {_sorted(key): value for key, value in found.items()}
    for key, value in expected.items():
        assert by_labels[_sorted(key.replace("%", 'name="web"'))] == value, key


def _sorted(key: str) -> tuple[str, ...]:
    name, _, labels = key.rstrip("}").partition("{")
    return (name, *sorted(labels.split(",")))


def test_a_quota_that_is_taken_away_takes_its_series_along(tmp_path: Path) -> None:
    where, c = _recording("v2", tmp_path)
    source = Containers()
    assert "cfs_throttled" in collect(source, Context(where, NOW, world([c]), settings=ALONE))
    limit = next((tmp_path / "sys/fs/cgroup").rglob("cpu.max"))
    limit.write_text("max 100000\n")
    updated = replace(c, cpu_limit=0.5)  # as after `docker update`: the engine tells, and it is read again
    text = collect(source, Context(where, NOW + 15, world([updated]), settings=ALONE))
    assert "cfs_" not in text
    assert "spec_cpu_quota" not in text
    limit.write_text("20000 100000\n")
    text = collect(source, Context(where, NOW + 80, world([updated]), settings=ALONE))  # nobody told, a minute later
    assert "cfs_throttled_seconds_total" in text
    assert samples(text)[next(k for k in samples(text) if "spec_cpu_quota" in k)] == 20000
    source.close()


def test_each_slot_has_its_place() -> None:
    assert [slot.index for slot in SLOTS] == list(range(len(SLOTS)))
