"""Family by family the same as node_exporter 1.12 makes of its own recorded /proc and /sys: name, type, labels, value."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.cpu import Cpu
from paramedic_collector.sources.diskstats import Diskstats
from paramedic_collector.sources.loadavg import Loadavg
from paramedic_collector.sources.meminfo import Meminfo
from paramedic_collector.sources.netdev import Netdev
from paramedic_collector.sources.pressure import Pressure
from paramedic_collector.sources.stat import Stat
from paramedic_collector.sources.time import Time
from support_collector import NOW, blocks, collect, fixtures, unpack

# What node_exporter's own comparison leaves out, because it changes from run to run.
_CHANGING = ("node_time_seconds", "node_time_zone_offset_seconds")
_SOURCES = (Cpu, Diskstats, Loadavg, Meminfo, Pressure, Stat, Time)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder, unpacked = fixtures(), tmp_path_factory.mktemp("recorded")
    for name in ("sys", "udev"):
        unpack(folder / f"{name}.ttar", unpacked)
    return Context(Paths(str(folder / "proc"), str(unpacked / "sys"), str(folder), str(unpacked / "udev/data")), NOW)


@pytest.mark.parametrize("kind", _SOURCES, ids=lambda kind: str(kind.name))
def test_same_as_node_exporter(kind: type[Cpu], context: Context) -> None:
    expected = blocks((fixtures() / "e2e-output.txt").read_text())
    source = kind()
    for _ in range(2):  # the second time from held descriptors and prepared lines
        ours = blocks(collect(source, context))
        assert ours
        for name, lines in ours.items():
            if name not in _CHANGING:
                assert lines == expected[name]
    source.close()


def test_every_claimed_family_has_its_type_and_help(context: Context) -> None:
    text = (fixtures() / "e2e-output.txt").read_text()
    theirs = {line for line in text.splitlines() if line.startswith("#")}
    for kind in (*_SOURCES, Netdev):
        for family in kind.families:
            if family.name not in ("node_memory_*", "node_network_address_info"):
                assert set(family.header.splitlines()) <= theirs, family.name


def test_nothing_of_these_sources_is_missing(context: Context) -> None:
    """What node_exporter has of them by default and ours lacks: `cpu.info` and `stat.softirq` are off there too."""
    wanted = ("node_cpu_seconds", "node_cpu_guest", "node_disk_", "node_load", "node_procs_", "node_intr", "node_forks",
              "node_pressure_", "node_memory_Mem")  # fmt: skip
    expected = {name for name in blocks((fixtures() / "e2e-output.txt").read_text()) if name.startswith(wanted)}
    assert expected <= {name for kind in _SOURCES for name in blocks(collect(kind(), context))}


def test_the_archive_is_unpacked_whole(tmp_path: Path) -> None:
    unpack(fixtures() / "udev.ttar", tmp_path)
    assert "E:ID_MODEL=" in (tmp_path / "udev/data/b8:0").read_text()
