"""Node sources that the recorded trees say nothing of, or not all: from small trees made here, and from this machine."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from paramedic_collector.exposition import Exposition
from paramedic_collector.filters import Filter
from paramedic_collector.kept import Kept
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Source
from paramedic_collector.sources.conntrack import Conntrack
from paramedic_collector.sources.cpu import Cpu
from paramedic_collector.sources.cpufreq import Cpufreq
from paramedic_collector.sources.dmi import Dmi
from paramedic_collector.sources.hwmon import Hwmon
from paramedic_collector.sources.interrupts import Interrupts
from paramedic_collector.sources.mdadm import Mdadm, parse
from paramedic_collector.sources.meta import Meta
from paramedic_collector.sources.netclass import Netclass
from paramedic_collector.sources.netstat import Netstat
from paramedic_collector.sources.os_release import Os
from paramedic_collector.sources.powersupplyclass import PowerSupply
from paramedic_collector.sources.processes import Processes
from paramedic_collector.sources.rapl import Rapl
from paramedic_collector.sources.selinux import Selinux
from paramedic_collector.sources.softnet import Softnet
from paramedic_collector.sources.thermal_zone import ThermalZone
from paramedic_collector.sources.timex import Timex, values
from paramedic_collector.sources.vmstat import Vmstat
from paramedic_core import node_settings as node
from paramedic_core.settings import CollectorSettings
from support_collector import NOW, collect, container, paths, samples, tree, world

UBUNTU = """# A comment
NAME="Ubuntu"
VERSION="20.04.2 LTS (Focal Fossa)"
ID=ubuntu
ID_LIKE=debian
PRETTY_NAME="Ubuntu 20.04.2 LTS"
VERSION_ID="20.04"
VERSION_CODENAME=focal
SUPPORT_END=2030-04-01
"""


def _of(source: Source, root: Path, now: float = NOW, **settings: object) -> dict[str, float]:
    return samples(collect(source, Context(paths(root), now, settings=CollectorSettings(**settings))))  # type: ignore[arg-type]


def test_os_release_with_its_quotes(tmp_path: Path) -> None:
    found = _of(Os(), tree(tmp_path, {"usr/lib/os-release": UBUNTU}))
    info = (
        'node_os_info{build_id="",id="ubuntu",id_like="debian",image_id="",image_version="",name="Ubuntu",pretty_name='
        '"Ubuntu 20.04.2 LTS",variant="",variant_id="",version="20.04.2 LTS (Focal Fossa)",version_codename="focal",'
        'version_id="20.04"}'
    )  # as in e2e-output.txt
    assert found == {
        info: 1,
        'node_os_version{id="ubuntu",id_like="debian",name="Ubuntu"}': 20.04,
        "node_os_support_end_timestamp_seconds": 1901232000,
    }
    assert _of(Os(), tmp_path / "nowhere") == {}


def test_timex_means_what_adjtimex_says() -> None:
    fields = dict.fromkeys(
        [
            "modes",
            "offset",
            "freq",
            "maxerror",
            "esterror",
            "status",
            "constant",
            "precision",
            "tolerance",
            "sec",
            "usec",
            "tick",
            "ppsfreq",
            "jitter",
            "shift",
            "stabil",
            "jitcnt",
            "calcnt",
            "errcnt",
            "stbcnt",
            "tai",
        ],
        0,
    )
    micro = values(0, fields | {"offset": 1500, "tick": 10000, "freq": 65536, "status": 1, "tai": 37})
    assert (micro["offset_seconds"], micro["tick_seconds"], micro["sync_status"]) == (0.0015, 0.01, 1)
    assert (micro["frequency_adjustment_ratio"], micro["tai_offset_seconds"]) == (1.000001, 37)
    nano = values(5, fields | {"offset": 1500, "status": 0x2001})
    assert (nano["offset_seconds"], nano["sync_status"], nano["status"]) == (0.0000015, 0, 0x2001)


def test_timex_of_this_machine_has_its_fields_in_their_places() -> None:
    found = samples(collect(Timex(), Context(now=NOW)))
    assert len(found) == 17
    assert found["node_timex_tick_seconds"] == pytest.approx(0.01, rel=0.11)  # adjtimex(2) allows 10 %
    assert 0.9995 <= found["node_timex_frequency_adjustment_ratio"] <= 1.0005  # and 500 ppm
    assert 0 <= found["node_timex_maxerror_seconds"] <= 16
    assert struct.calcsize("@I4li3l2ll2lil4li44x") == 208 or struct.calcsize("l") == 4


def test_interfaces_change_at_once_and_the_rest_once_a_minute(tmp_path: Path) -> None:
    folder = "sys/class/net/eth0"
    facts = {
        "operstate": "up\n",
        "carrier": "1\n",
        "mtu": "1500\n",
        "flags": "0x1003\n",
        "speed": "1000\n",
        "address": "0a:0b\n",
    }
    root = tree(
        tmp_path, {f"{folder}/{file}": text for file, text in facts.items()} | {"sys/class/net/bonding_masters": "x\n"}
    )
    source = Netclass()
    found = _of(source, root)
    assert found['node_network_speed_bytes{device="eth0"}'] == 125_000_000
    assert found['node_network_flags{device="eth0"}'] == 0x1003
    assert not any("bonding_masters" in key for key in found)
    tree(tmp_path, {f"{folder}/mtu": "9000\n", f"{folder}/flags": "0x1002\n"})
    found = _of(source, root, NOW + 30)
    assert found['node_network_mtu_bytes{device="eth0"}'] == 9000
    assert found['node_network_flags{device="eth0"}'] == 0x1003
    assert _of(source, root, NOW + 61)['node_network_flags{device="eth0"}'] == 0x1002
    tree(tmp_path, {f"{folder}/operstate": "down\n", f"{folder}/address": "0a:0c\n", f"{folder}/speed": "-1\n"})
    found = _of(source, root, NOW + 62)
    assert [key for key in found if "0a:0c" in key and 'adminstate="down"' in key and 'operstate="down"' in key]
    assert found['node_network_up{device="eth0"}'] == 0
    assert found['node_network_speed_bytes{device="eth0"}'] == -125_000
    source.close()


def test_an_interface_that_goes_is_forgotten_with_its_files(tmp_path: Path) -> None:
    source = Netclass()
    for device in ("veth1", "veth2"):
        for old in (tmp_path / "sys/class/net").glob("veth*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        found = _of(source, tree(tmp_path, {f"sys/class/net/{device}/operstate": "up\n"}))
        assert {key.partition('device="')[2].partition('"')[0] for key in found} == {device}
    assert list(source._known) == ["veth2"]
    assert all("veth2" in path for path in source.files._held)
    source.close()


def test_a_bad_pair_of_lines_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/net/netstat": "TcpExt: ListenDrops\nIpExt: 1\n", "proc/net/snmp": ""})
    with pytest.raises(ValueError, match="where one of"):
        _of(Netstat(), root)


def test_fields_are_those_of_the_setting(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/vmstat": "nr_free_pages 7\npgfault 8\n"})
    assert _of(Vmstat(), root) == {"node_vmstat_pgfault": 8}
    assert _of(Vmstat(), root, vmstat=node.VmstatSettings("^nr_")) == {"node_vmstat_nr_free_pages": 7}


def test_filters_exclude_and_include() -> None:
    assert [name for name in ("sda", "sdb", "loop0") if Filter("^loop", "a")(name)] == ["sda"]
    assert Filter()("anything")


def test_kernels_without_a_column_for_the_cpu(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/net/softnet_stat": "0000000a 00000001 00000002 0 0 0 0 0 3 4\n" * 2})
    found = _of(Softnet(), root)
    assert found['node_softnet_processed_total{cpu="1"}'] == 10
    assert found['node_softnet_received_rps_total{cpu="0"}'] == 4
    assert found['node_softnet_backlog_len{cpu="0"}'] == 0


def test_arrays_that_are_being_changed_or_wait() -> None:
    text = """Personalities : [raid1] [raid5]
md0 : active raid5 sdc1[2] sdb1[1] sda1[0]
      1000 blocks level 5, 64k chunk, algorithm 2 [3/3] [UUU]
      bitmap: 1/1 pages [4KB], 65536KB chunk
      [==>..]  reshape = 12.6% (126/1000) finish=1.0min speed=1K/sec

md1 : active (auto-read-only) raid1 sdd1[0] sde1[1]
      2000 blocks super 1.2 [2/2] [UU]
        resync=PENDING

unused devices: <none>
"""
    reshaping, waiting = parse(text)
    assert (reshaping.state, reshaping.synced, reshaping.active) == ("reshaping", 126, 3)
    assert (waiting.state, waiting.synced, waiting.blocks) == ("resync", 0, 2000)
    for broken in ("md0 : active raid1 a[0]\n", "md0 : active raid1 a[0]\n x blocks\n \n", "md0\n\n\n"):
        with pytest.raises(ValueError, match="mdstat"):
            parse(broken)


def test_raid_disks_while_growing(tmp_path: Path) -> None:
    files = {"level": "raid5\n", "raid_disks": "5 (4)\n", "degraded": "1\n"}
    root = tree(tmp_path, {"proc/mdstat": "Personalities :\n"} | {f"sys/block/md0/md/{f}": t for f, t in files.items()})
    assert _of(Mdadm(), root) == {'node_md_raid_disks{device="md0"}': 5, 'node_md_degraded{device="md0"}': 1}


HWMON = {
    "in0_input": ("1200", "node_hwmon_in_volts", 1.2),
    "curr1_input": ("1500", "node_hwmon_curr_amps", 1.5),
    "energy1_input": ("2500000", "node_hwmon_energy_joule_total", 2.5),
    "power1_average": ("3500000", "node_hwmon_power_average_watt", 3.5),
    "power1_accuracy": ("500000", "node_hwmon_power_accuracy", 0.5),
    "power1_average_interval": ("1000", "node_hwmon_power_average_interval_seconds", 1.0),
    "humidity1_input": ("450000", "node_hwmon_humidity", 0.45),
    "temp1_fault": ("1", "node_hwmon_temp_fault", 1.0),
    "temp2_type": ("4", "node_hwmon_temp_type", 4.0),
    "update_interval": ("2000", "node_hwmon_update_interval_seconds", 2.0),
    "vrm": ("95", "node_hwmon_voltage_regulator_version", 95.0),
    "beep_enable": ("1", "node_hwmon_beep_enabled", 1.0),
}


def test_each_kind_of_sensor_has_its_unit(tmp_path: Path) -> None:
    files = {f"sys/class/hwmon/hwmon0/{file}": f"{text}\n" for file, (text, _, _) in HWMON.items()}
    root = tree(
        tmp_path, files | {"sys/class/hwmon/hwmon0/name": "Some Chip\n", "sys/class/hwmon/hwmon0/temp3_input": "x"}
    )
    found = {key.partition("{")[0]: value for key, value in _of(Hwmon(), root).items() if "chip_names" not in key}
    assert found == {name: pytest.approx(value) for _, name, value in HWMON.values()}
    assert all('chip="some_chip"' in key for key in _of(Hwmon(), root))
    only = _of(Hwmon(), root, hwmon=node.HwmonSettings(sensor_include="some_chip;in0"))
    assert set(only) == {
        'node_hwmon_chip_names{chip="some_chip",chip_name="some_chip"}',
        'node_hwmon_in_volts{chip="some_chip",sensor="in0"}',
    }


def test_frequencies_and_cpus_that_are_off(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    files = {
        "proc/stat": "cpu0 1 2 3 4 5 6 7 8 9 10\n",
        f"{cpu}/cpu0/cpufreq/cpuinfo_cur_freq": "2000000\n",
        f"{cpu}/cpu0/online": "1\n",
        f"{cpu}/online": "0,2\n",
        f"{cpu}/present": "0-2\n",
    }
    root = tree(tmp_path, files)
    assert _of(Cpufreq(), root) == {'node_cpu_frequency_hertz{cpu="0"}': 2e9}
    found = _of(Cpu(), root, cpu=node.CpuSettings(guest=False))
    assert {key: value for key, value in found.items() if "online" in key} == {
        'node_cpu_online{cpu="0"}': 1,
        'node_cpu_online{cpu="1"}': 0,
        'node_cpu_online{cpu="2"}': 1,
    }
    assert not any("guest" in key for key in found)


def test_selinux_modes(tmp_path: Path) -> None:
    assert _of(Selinux(), tmp_path) == {"node_selinux_enabled": 0}
    root = tree(tmp_path, {"sys/fs/selinux/enforce": "0", "etc/selinux/config": "# SELINUX=x\nSELINUX=enforcing\n"})
    assert _of(Selinux(), root) == {
        "node_selinux_enabled": 1,
        "node_selinux_config_mode": 1,
        "node_selinux_current_mode": 0,
    }


def test_zones_of_rapl_by_label(tmp_path: Path) -> None:
    zone = "sys/class/powercap/intel-rapl:0"
    root = tree(tmp_path, {f"{zone}/name": "package-0\n", f"{zone}/energy_uj": "1500000\n"})
    found = _of(Rapl(), root, rapl=node.RaplSettings(enable_zone_label=True))
    path = f"{root}/{zone}"
    assert found == {f'node_rapl_joules_total{{index="0",path="{path}",rapl_zone="package"}}': 1.5}


@pytest.mark.parametrize("kind", [Conntrack, Dmi, Hwmon, Mdadm, PowerSupply, Rapl, ThermalZone, Cpufreq, Netclass])
def test_a_machine_without_the_thing_has_no_series_and_no_error(kind: type[Source], tmp_path: Path) -> None:
    out = Exposition()
    kind().collect(Context(paths(tmp_path), NOW), out)
    assert (out.problem, [lines for lines in out.lines.values() if lines]) == ("", [])


def test_processes_of_this_machine() -> None:
    found = samples(collect(Processes(), Context(now=NOW)))
    assert found["node_processes_pids"] == sum(v for k, v in found.items() if k.startswith("node_processes_state"))
    threads = sum(v for k, v in found.items() if k.startswith("node_processes_threads_state"))
    assert threads == pytest.approx(found["node_processes_threads"], rel=0.2)  # they come and go while we look
    assert found['node_processes_state{state="R"}'] >= 1


def test_interrupts_that_are_wanted() -> None:
    everything = samples(collect(Interrupts(), Context(now=NOW)))
    settings = CollectorSettings(interrupts=node.InterruptsSettings(name_include="^LOC;", include_zeros=False))
    only = samples(collect(Interrupts(), Context(now=NOW, settings=settings)))
    assert only
    assert set(only) == {key for key in everything if 'type="LOC"' in key and everything[key] > 0}


def test_sources_are_switched_by_name() -> None:
    settings = CollectorSettings(enable=("processes", "nothing"), disable=("netclass", "meta"))
    scraper = Scraper(lambda: Context(now=time.time()), settings=settings)
    assert "processes" in scraper.sources
    assert "tcpstat" not in scraper.sources
    assert not {"netclass", "meta"} & scraper.sources.keys()
    assert [(f.module, "nothing" in f.reason) for f in scraper.failures] == [("collector.enable", True)]
    scraper.close()


def test_node_meta_joins_with_the_series_of_a_swarms_containers() -> None:
    task = container("web.1.x", labels={"com.docker.swarm.node.id": "n0de"})
    for containers, swarm in (([container("a", 1), task], "n0de"), ([container("a", 1)], "")):
        found = samples(collect(Meta(), Context(now=NOW, world=world(containers), host="cafe", node="box")))
        assert found == {
            f'node_meta{{cgroup_version="",container_label_com_docker_swarm_node_id="{swarm}",engine_version="",'
            'node_id="cafe",node_name="box"}': 1
        }


def test_what_is_plugged_in_later_is_seen_within_a_minute(tmp_path: Path) -> None:
    zones, chip = ThermalZone(), "sys/class/thermal/thermal_zone"
    root = tree(tmp_path, {f"{chip}0/type": "cpu\n", f"{chip}0/temp": "50000\n"})
    assert _of(zones, root) == {'node_thermal_zone_temp{type="cpu",zone="0"}': 50}
    tree(tmp_path, {f"{chip}1/type": "gpu\n", f"{chip}1/temp": "60000\n"})
    assert len(_of(zones, root, NOW + 59)) == 1
    assert _of(zones, root, NOW + 60)['node_thermal_zone_temp{type="gpu",zone="1"}'] == 60
    (root / f"{chip}0/temp").unlink()
    zones.close()
    assert set(_of(zones, root, NOW + 61)) == {'node_thermal_zone_temp{type="gpu",zone="1"}'}


def test_what_is_kept_is_made_again_in_time_and_when_the_clock_goes_back() -> None:
    kept: Kept[int] = Kept(60.0)
    made = iter(range(10))
    assert [kept.get(at, lambda: next(made)) for at in (0.0, 59.0, 60.0, 61.0, 10.0)] == [0, 0, 1, 1, 2]
    with pytest.raises(ZeroDivisionError):
        kept.get(1000.0, lambda: 1 // 0)
    assert kept.get(1000.0, lambda: next(made)) == 3
