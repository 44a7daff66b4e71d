"""Family by family the same as node_exporter 1.12 makes of its own recorded /proc and /sys: name, type, labels, value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paramedic_collector.scrape import DURATION, SUCCESS, Scraper
from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.netdev import Netdev
from paramedic_collector.sources.textfile import Textfile
from paramedic_core import node_settings as node
from paramedic_core.settings import CollectorSettings
from support_collector import NOW, blocks, collect, fixtures, unpack

# What node_exporter's own comparison leaves out, because it changes from run to run.
CHANGING = {"node_time_seconds", "node_time_zone_offset_seconds", "node_textfile_mtime_seconds", DURATION.name}
DEVIATIONS = {
    # Family → why it is not as in e2e-output.txt.
    SUCCESS.name: "a series for each source, and the sources are not the same",
    "node_kernel_hung_tasks": "ours alone: the name that Node Exporter Full asks for",
    "node_meta": "ours alone",
    "node_processes_threads_state": "the recorded processes have no task folder; each real one has",
    "node_selinux_enabled": "their run has the source switched off",
}
NOT_THERE = {
    # Sources that the recorded trees have nothing for.
    "machine": "cAdvisor's, not node_exporter's; tests/collector/test_machine.py",
    "filesystem": "statvfs(3) is not recorded (theirs has it off); tests/collector/test_filesystem.py",
    "netdev": "their run asks the kernel by netlink; tests/collector/test_node_sources.py, test_side_by_side.py",
    "timex": "adjtimex(2) is not recorded (theirs has it off); tests/collector/test_more_node_sources.py",
    "uname": "uname(2) is not recorded (theirs has it off)",
    "tcpstat": "sock_diag(7) is not recorded; tests/collector/test_tcpstat.py",
    "systemd": "D-Bus is not recorded; tests/collector/test_systemd.py, beside node_exporter on a real systemd",
    "os": "the recorded tree has no os-release here; tests/collector/test_more_node_sources.py",
}
NOT_OURS = re.compile(
    # Families of e2e-output.txt that no source here makes: the reasons stand in docs/reference/metrics.md.
    "go_|process_|promhttp_|node_exporter_build_info|node_os_|node_network_(receive|transmit)_[^q]"
    "|node_(bcache|bcachefs|btrfs|buddyinfo|cgroups|cpu_vulnerabilities_info|cpu_frequency_hertz|dmmultipath|drbd"
    "|fibrechannel|infiniband|ipvs|ksmd|lnstat|memory_numa|mountstats|nfs|nfsd|pcidevice|qdisc|slabinfo"
    "|softirqs_functions|sysctl|tape|wifi|xfrm|xfs|zfs|zoneinfo)"
)
SETTINGS = CollectorSettings(
    # The flags of node_exporter's end-to-end-test.sh.
    enable=("interrupts", "processes"),
    disable=tuple(NOT_THERE.keys() - {"tcpstat", "systemd"}),
    arp=node.ArpSettings(device_exclude="nope"),
    cpu=node.CpuSettings(
        info=True,
        info_bugs_include=r"^(cpu_meltdown|spectre_.*|mds)$",
        info_flags_include="^(aes|avx.?|constant_tsc)$",
    ),
    hwmon=node.HwmonSettings(chip_include="(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)"),
    netclass=node.NetclassSettings(ignored_devices="(dmz|int)", ignore_invalid_speed=True),
    stat=node.StatSettings(softirq=True),
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder, unpacked = fixtures(), tmp_path_factory.mktemp("recorded")
    for name in ("sys", "udev"):
        unpack(folder / f"{name}.ttar", unpacked)
    settings = CollectorSettings(
        **{name: getattr(SETTINGS, name) for name in SETTINGS.__slots__ if name != "textfile"},
        textfile=node.TextfileSettings((str(folder / "textfile/two_metric_files"),)),
    )
    paths = Paths(str(folder / "proc"), str(unpacked / "sys"), str(folder), str(unpacked / "udev/data"))
    return Context(paths, NOW, settings=settings)


@pytest.fixture(scope="module")
def ours(context: Context) -> dict[str, list[str]]:
    """The second scrape: from held descriptors, prepared lines and what is kept for a minute."""
    scraper = Scraper(lambda: context, settings=context.settings)
    first = scraper.scrape()
    text = scraper.scrape()
    assert scraper.errors == {}
    assert re.sub(r"(node_scrape|node_time).*", "", first) == re.sub(r"(node_scrape|node_time).*", "", text)
    scraper.close()
    here = {context.paths.sysfs: "collector/fixtures/sys", str(fixtures()): "collector/fixtures"}
    for path, theirs in here.items():
        text = text.replace(path, theirs)
    others = ("container_", "machine_", "DCGM_", "paramedic_")
    return {name: lines for name, lines in blocks(text).items() if not name.startswith(others)}


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    return blocks((fixtures() / "e2e-output.txt").read_text())


def test_every_family_is_the_same_as_node_exporters(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> None:
    different = {name for name in ours.keys() - CHANGING if ours[name] != theirs.get(name) and name not in DEVIATIONS}
    assert {name: (ours[name][:6], theirs.get(name, [])[:6]) for name in different} == {}
    assert len(ours) > 300
    for name in CHANGING & ours.keys():
        assert [line for line in ours[name] if line.startswith("#")] == [
            line for line in theirs[name] if line.startswith("#")
        ]


def test_each_deviation_is_one(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> None:
    assert {name for name in DEVIATIONS if ours[name] == theirs.get(name)} == set()


def test_nothing_is_missing_but_what_the_reference_says(
    ours: dict[str, list[str]], theirs: dict[str, list[str]]
) -> None:
    assert {name for name in theirs if not NOT_OURS.match(name)} - ours.keys() == set()


def test_every_source_is_compared_or_has_its_reason(context: Context, ours: dict[str, list[str]]) -> None:
    scraper = Scraper(lambda: context)
    ran = {line.split('"')[1] for line in ours[SUCCESS.name] if not line.startswith("#")}
    assert scraper.sources.keys() <= ran | NOT_THERE.keys()
    assert ran & NOT_THERE.keys() == set()


def test_what_is_not_recorded_has_their_type_and_help_too() -> None:
    text = (fixtures() / "e2e-output.txt").read_text().splitlines()
    for family in Netdev.families:
        if family.name != "node_network_address_info":
            assert set(family.header.splitlines()) <= set(text), family.name


_CASES = (
    "client_side_timestamp",
    "different_metric_types",
    "glob_extra_dimension",
    "histogram",
    "histogram_extra_dimension",
    "inconsistent_metrics",
    "metrics_merge_different_help",
    "metrics_merge_empty_help",
    "metrics_merge_no_help",
    "metrics_merge_same_help",
    "no_metric_files",
    "nonexistent_path",
    "summary",
    "summary_extra_dimension",
    "two_metric_files",
)


@pytest.mark.parametrize("case", _CASES)
def test_textfiles_are_told_on_as_node_exporter_does(case: str) -> None:
    folder = fixtures() / "textfile"
    expected = (folder / f"{case}.out").read_text()
    # Each of their series has the labels of all others of its family, empty where it has none: the same to Prometheus.
    expected = re.sub(r'[a-z]+="",?', "", expected)
    # And a quantile without sum and count is given both, as 0; here what is not in the file is not told.
    expected = re.sub(r'.*_(sum|count)\{handler="foo".*\} 0\n', "", expected)
    pattern = "*_extra_dimension" if case == "glob_extra_dimension" else case
    settings = CollectorSettings(textfile=node.TextfileSettings((str(folder / pattern),)))
    text = collect(Textfile(), Context(settings=settings)).replace(str(fixtures()), "fixtures")
    text = re.sub(r"(node_textfile_mtime_seconds\{.*\}) .*", r"\1 1", text)
    assert _in_order(text) == _in_order(expected)


def _in_order(text: str) -> dict[str, list[str]]:
    """The blocks, with each line's labels in order of their names: theirs have `quantile` and `le` last."""

    def in_order(match: re.Match[str]) -> str:
        labels = sorted(re.findall(r'[a-z_]+="[^"]*"', match[0]))
        return "{" + ",".join(labels) + "}" if labels else ""

    return blocks(re.sub(r"\{[^}]*\}", in_order, text))


def test_the_archive_is_unpacked_whole(tmp_path: Path) -> None:
    unpack(fixtures() / "udev.ttar", tmp_path)
    assert "E:ID_MODEL=" in (tmp_path / "udev/data/b8:0").read_text()
