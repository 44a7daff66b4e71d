"""File systems: which are looked at, under which names, and what becomes of a mount that hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_collector.mounts import parse
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.filesystem import Filesystem
from paramedic_collector.sources.loadavg import Loadavg
from support_collector import NOW, collect, fixtures, samples, tree

MOUNTS = r"""22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
25 22 0:23 / /run rw,nosuid - tmpfs tmpfs rw,size=1617716k
26 22 0:30 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
27 22 0:31 / /mnt/with\040space\134and\011tab ro - ext4 /dev/vdb1 rw
28 22 0:32 / /mnt/nfs rw - nfs4 server:/x rw
29 22 0:33 / /mnt/nfs rw - nfs4 server:/y rw
30 22 0:34 / /run/credentials/systemd-x.service ro - ramfs ramfs rw
"""


def test_mounts_are_parsed_with_their_escapes_and_the_last_on_a_point_counts() -> None:
    mounts = {m.point: m for m in parse(MOUNTS.encode())}
    assert mounts["/mnt/with space\\and\ttab"].read_only
    assert mounts["/mnt/nfs"].device == "server:/y"
    assert (mounts["/"].major, mounts["/"].minor) == ("259", "2")


def test_mounts_below_another_root_are_named_as_on_the_host() -> None:
    text = b"1 0 8:1 / /host rw - ext4 /dev/sda1 rw\n2 1 8:2 / /host/data rw - ext4 /dev/sda2 rw\n3 1 0:5 / /hostile rw - ext4 x rw\n"
    assert [m.point for m in parse(text, "/host")] == ["/", "/data", "/hostile"]


def test_a_line_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="mountinfo"):
        parse(b"nonsense\n")


def test_the_recorded_mounts_are_read() -> None:
    points = [m.point for m in parse((fixtures() / "proc/1/mountinfo").read_bytes())]
    assert "/var/lib/kubelet/plugins/kubernetes.io/vsphere-volume/mounts/[vsanDatastore] bafb9e5a-8856-7e6c-699c-801844e77a4a/kubernetes-dynamic-pvc-3eba5bba-48a3-11e8-89ab-005056b92113.vmdk" in points  # fmt: skip


def test_numbers_are_those_of_statvfs_under_the_default_filters(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/1/mountinfo": MOUNTS, "run/x": "", "mnt/nfs/x": "", "mnt/with space\\and\ttab/x": ""})
    found = samples(collect(Filesystem(), Context(Paths(str(root / "proc"), "/sys", str(root)), NOW)))
    points = {key.rpartition('mountpoint="')[2] for key in found}
    assert points == {'/"}', '/run"}', r'/mnt/with space\\and	tab"}', '/mnt/nfs"}'}
    labels = '{device="/dev/vda1",device_error="",fstype="ext4",mountpoint="/"}'
    real = os.statvfs(root)
    assert found[f"node_filesystem_size_bytes{labels}"] == real.f_blocks * real.f_frsize
    assert found[f"node_filesystem_files{labels}"] == real.f_files
    assert found[f"node_filesystem_device_error{labels}"] == 0
    assert found['node_filesystem_mount_info{device="/dev/vda1",major="259",minor="2",mountpoint="/"}'] == 1
    read_only = [key for key, value in found.items() if "readonly" in key and value == 1]
    assert [("tab" in key) for key in read_only] == [True]


def test_a_mount_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/1/mountinfo": "22 1 8:1 / /gone rw - ext4 /dev/sda1 rw\n"})
    found = samples(collect(Filesystem(), Context(Paths(str(root / "proc"), "/sys", str(root)), NOW)))
    labels = '{device="/dev/sda1",device_error="no such file or directory",fstype="ext4",mountpoint="/gone"}'
    assert found == {f"node_filesystem_device_error{labels}": 1, f"node_filesystem_readonly{labels}": 0}


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """statvfs of /mnt/nfs hangs in the kernel: here in a read of a pipe, which is as deaf to Python."""
    read, write = os.pipe()
    real = os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        if str(path).endswith("/mnt/nfs"):
            os.read(read, 1)
        return real("/")

    monkeypatch.setattr(os, "statvfs", statvfs)
    yield
    os.write(write, b"xxxx")


def test_one_that_hangs_delays_one_scrape_and_hides_nothing(tmp_path: Path, hanging: None) -> None:
    root = tree(tmp_path, {"proc/1/mountinfo": MOUNTS, "proc/loadavg": "1 2 3 1/100 7\n"})
    context = Context(Paths(str(root / "proc"), "/sys", str(root)), NOW, timeout=5.0)
    scraper = Scraper(lambda: context, {"filesystem": Filesystem(), "loadavg": Loadavg()})
    spent = []
    for _ in range(50):
        began = time.monotonic()
        found = samples(scraper.scrape())
        spent.append(time.monotonic() - began)
        assert found['node_scrape_collector_success{collector="filesystem"}'] == 1
        stuck = [key for key in found if 'device_error="mountpoint timeout"' in key]
        assert len(stuck) == 2
        assert sum("node_filesystem_size_bytes" in key for key in found) == 3
        assert found["node_load1"] == 1
    assert 1.0 <= spent[0] < 5.0  # a mount may take a fifth of what the source may
    assert sorted(spent[1:])[25] < 0.5
    scraper.close()


_MOUNTS_IN_A_NAMESPACE = """
import subprocess, sys
from paramedic_collector.mounts import MountTable, parse
table = MountTable("/proc/self/mountinfo")
def points(): return {m.point for m in parse(table.read(0.0))}
first = table.read(0.0)
assert table.read(1.0) is first and table.read(2.0) is first
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", sys.argv[1]], check=True)
assert sys.argv[1] in points()
second = table.read(3.0)
assert table.read(4.0) is second
subprocess.run(["mount", "-o", "remount,ro,bind", sys.argv[1]], check=True)
assert next(m for m in parse(table.read(5.0)) if m.point == sys.argv[1]).read_only
subprocess.run(["umount", sys.argv[1]], check=True)
assert sys.argv[1] not in points()
third = table.read(6.0)
assert table.read(6.0 + 60.0) == third and table.read(6.0 + 60.0) is not third
table.close()
assert table.read(7.0) == third
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_mountinfo_is_read_again_when_and_only_when_the_kernel_says_so(tmp_path: Path) -> None:
    command = ["unshare", "--mount", sys.executable, "-c", _MOUNTS_IN_A_NAMESPACE, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
