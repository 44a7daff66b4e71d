"""Node sources from small trees made here: what the recorded ones do not show."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from paramedic_collector.source import Context
from paramedic_collector.sources.cpu import Cpu, numbers_of
from paramedic_collector.sources.diskstats import Diskstats
from paramedic_collector.sources.loadavg import Loadavg
from paramedic_collector.sources.meminfo import Meminfo
from paramedic_collector.sources.netdev import Netdev
from paramedic_collector.sources.pressure import Pressure
from paramedic_collector.sources.stat import Stat
from paramedic_collector.sources.time import Time
from paramedic_collector.sources.uname import Uname
from support_collector import NOW, collect, paths, samples, tree


def test_cpu_seconds_never_go_back_by_little_and_start_again_by_much(tmp_path: Path) -> None:
    source = Cpu()
    seen = []
    for idle in (100000, 99990, 100010, 50):
        root = tree(tmp_path, {"proc/stat": f"cpu  9\ncpu0 100 2 3 {idle} 5 6 7 8 9 10\nintr 5 1 1\n"})
        found = samples(collect(source, Context(paths(root), NOW)))
        seen.append(found['node_cpu_seconds_total{cpu="0",mode="idle"}'])
    assert seen == [1000, 1000, 1000.1, 0.5]
    assert found['node_cpu_guest_seconds_total{cpu="0",mode="nice"}'] == 0.1
    source.close()


def test_old_kernels_have_fewer_columns(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/stat": "cpu0 1 2 3 4 5 6 7\n", "proc/diskstats": "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"})
    found = samples(collect(Cpu(), Context(paths(root), NOW)))
    assert len(found) == 7
    found = samples(collect(Diskstats(), Context(paths(root), NOW)))
    assert len(found) == 12
    assert found['node_disk_io_time_weighted_seconds_total{device="sda"}'] == 0.011


def test_the_kernels_lists_of_cpus() -> None:
    assert numbers_of("1,3-5,9") == [1, 3, 4, 5, 9]
    assert numbers_of("") == []


def test_disks_that_go_are_forgotten(tmp_path: Path) -> None:
    source = Diskstats()
    for device in ("sda", "nvme0n1", "vdb"):
        root = tree(tmp_path, {"proc/diskstats": f"8 0 {device} 1 2 3 4 5 6 7 8 9 10 11\n7 0 loop0 1 2 3 4\n"})
        found = samples(collect(source, Context(paths(root), NOW)))
        assert {key.partition('device="')[2].partition('"')[0] for key in found} == {device}
    assert len(source._prefixes) == 1
    source.close()


def test_interfaces_with_strange_names_and_without_sysfs(tmp_path: Path) -> None:
    row = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"
    net = f"a\nb\n  br:0:{row}\neth0: {row}\n"
    root = tree(tmp_path, {"proc/1/net/dev": net, "sys/class/net/eth0/statistics/rx_nohandler": "17\n"})
    found = samples(collect(Netdev(), Context(paths(root), NOW)))
    assert found['node_network_receive_bytes_total{device="br:0"}'] == 1
    assert found['node_network_transmit_compressed_total{device="eth0"}'] == 16
    assert found['node_network_receive_nohandler_total{device="eth0"}'] == 17
    assert 'node_network_receive_nohandler_total{device="br:0"}' not in found
    assert not any("address_info" in key for key in found)  # this /proc is not our own


def test_our_own_addresses_are_psutils() -> None:
    found = collect(Netdev(), Context(now=NOW))
    for device, addresses in psutil.net_if_addrs().items():
        for address in addresses:
            if address.family.name == "AF_INET":
                assert f'node_network_address_info{{address="{address.address}",device="{device}"' in found


def test_the_numbers_of_this_machine_are_plausible() -> None:
    context = Context(now=NOW)
    found: dict[str, float] = {}
    for kind in (Cpu, Stat, Meminfo, Loadavg, Netdev, Time, Uname):
        found |= samples(collect(kind(), context))
    assert abs(found["node_boot_time_seconds"] - psutil.boot_time()) <= 1
    assert found["node_memory_MemTotal_bytes"] == psutil.virtual_memory().total
    assert sum('mode="idle"' in key for key in found) == psutil.cpu_count()
    assert found["node_time_seconds"] == NOW
    assert set(psutil.net_io_counters(pernic=True)) <= {
        key.partition('device="')[2].partition('"')[0] for key in found if "receive_bytes" in key
    }


def test_a_kernel_that_does_not_count_pressure_has_none(tmp_path: Path) -> None:
    assert collect(Pressure(), Context(paths(tmp_path), NOW)) == ""
    root = tree(tmp_path, {"proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=16929\n"})
    assert samples(collect(Pressure(), Context(paths(root), NOW))) == {
        "node_pressure_memory_waiting_seconds_total": 0.016929
    }


@pytest.mark.parametrize("kind", [Cpu, Stat, Meminfo, Loadavg, Diskstats, Netdev])
def test_without_its_file_a_source_says_which(kind: type[Cpu], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        collect(kind(), Context(paths(tmp_path), NOW))
