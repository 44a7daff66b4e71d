"""From namespaces as a container has them, with the host's /proc, /sys and / mounted: what is told is the host's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_collector.source import Paths
from paramedic_collector.views import strange
from support_collector import samples

pytestmark = pytest.mark.root
_MOUNTS = """
set -e
mount --rbind /proc $0/proc && mount --rbind /sys $0/sys && mount --rbind / $0/root
mount -t tmpfs tmpfs /mnt && mount -t sysfs sysfs /sys
exec unshare --pid --fork --mount-proc "$@"
"""
_SAME = (
    "node_memory_MemTotal_bytes",
    "node_boot_time_seconds",
    "node_filesystem_size_bytes",
    "node_filesystem_mount_info",
    "node_network_mtu_bytes",
    "node_network_up",
    "node_disk_info",
    "node_os_info",
    "node_sockstat_sockets_used",
)


def _metrics(*words: str) -> tuple[dict[str, float], str]:
    command = [*words, sys.executable, "-m", "paramedic", "metrics", "--data", "/nowhere"]
    if words:
        folder = words[-2]
        command += [f"--path.{name}fs={folder}/{name}" for name in ("proc", "sys", "root")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return samples(done.stdout), done.stderr


def _shape(found: dict[str, float]) -> set[str]:
    return {key for key in found if key.startswith(("node_network_receive_packets_total", *_SAME))}


def test_with_the_hosts_mounts_it_is_the_host(tmp_path: Path) -> None:
    if strange(Paths()):
        pytest.skip("this machine itself is a container")
    for name in ("proc", "sys", "root"):
        (tmp_path / name).mkdir()
    outside, _ = _metrics()
    for _ in range(5):
        before = outside
        inside, said = _metrics("unshare", "--mount", "--net", "--uts", "sh", "-c", _MOUNTS, str(tmp_path), "--")
        outside, _ = _metrics()
        # Others' mounts and interfaces may come and go meanwhile; then once more.
        if _shape(before) == _shape(outside):
            break
    assert "finding: no containers" in said
    assert len(said.splitlines()) == 1, said
    assert _shape(inside) == _shape(outside)
    assert len(_shape(inside)) > 10
    for key in _shape(inside):
        if key.startswith(_SAME[:3]):
            assert inside[key] == outside[key]


_MADE_ANEW = """
import subprocess, time
from paramedic_collector.exposition import Exposition, render
from paramedic_collector.source import Context
from paramedic_collector.sources.netclass import Netclass
from paramedic_collector.sources.netdev import Netdev
def ip(*words): subprocess.run(["ip", "link", *words], check=True)
def keys():
    found = []
    for source in sources:
        out = Exposition()
        source.collect(Context(now=1000.0), out)
        found += [line for line in render([out]).splitlines() if 'device="pm0"' in line]
    return found
sources = (Netclass(), Netdev())
ip("add", "pm0", "up", "type", "bridge")
first = keys()
ip("delete", "pm0")
assert keys() == []
ip("add", "pm0", "up", "type", "bridge")
second = keys()
ip("delete", "pm0")
ip("add", "pm0", "up", "mtu", "9000", "type", "bridge")
third = keys()
names = [sorted(line.partition("{")[0] for line in lines) for lines in (first, second, third)]
assert names[0] == names[1] == names[2] and len(names[0]) > 30, names
assert 'node_network_mtu_bytes{device="pm0"} 9000' in third
"""


def test_an_interface_that_is_made_anew_between_two_scrapes_lacks_nothing() -> None:
    if not shutil.which("ip"):
        pytest.skip("there is no ip (Debian: iproute2)")
    script = 'mount -t sysfs sysfs /sys && exec unshare --pid --fork --mount-proc "$@"'
    command = ["unshare", "--net", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", _MADE_ANEW]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_without_them_each_of_the_three_is_said(tmp_path: Path) -> None:
    if strange(Paths()):
        pytest.skip("this machine itself is a container")
    (tmp_path / "empty").mkdir()
    script = 'mount -t tmpfs tmpfs "$0" && mount -t sysfs sysfs /sys && exec "$@"'
    code = (
        "from paramedic_collector.views import strange; from paramedic_collector.source import Paths;"
        f" print(*strange(Paths(rootfs={str(tmp_path)!r})), sep=chr(10))"
    )
    command = ["unshare", "--mount", "--net", "sh", "-c", script, str(tmp_path), sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env={**os.environ})
    assert "collector.path_rootfs" in done.stdout
    assert "collector.path_sysfs" in done.stdout
