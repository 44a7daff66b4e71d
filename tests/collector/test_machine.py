"""The machine's cores and memory, and the file system of containers' layers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paramedic_collector.source import Context
from paramedic_collector.sources.container_fs import ContainerFilesystem
from paramedic_collector.sources.machine import Machine
from paramedic_core.model import State
from paramedic_core.settings import CollectorSettings
from paramedic_core.world import Engine
from support_collector import NOW, collect, container, paths, samples, tree, world


def test_cores_are_counted_once_and_those_switched_off_not_at_all(tmp_path: Path) -> None:
    base = "sys/devices/system/cpu"
    files = {"proc/meminfo": "MemTotal: 2 kB\nSwapTotal: 1 kB\n", "etc/machine-id": "abc\n"}
    for cpu, (socket, core, online) in enumerate(((0, 0, 1), (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0))):
        files[f"{base}/cpu{cpu}/topology/physical_package_id"] = f"{socket}\n"
        files[f"{base}/cpu{cpu}/topology/core_id"] = f"{core}\n"
        files[f"{base}/cpu{cpu}/online"] = f"{online}\n"
    files[f"{base}/cpufreq/boost"] = "1\n"
    source = Machine()
    found = samples(collect(source, Context(paths(tree(tmp_path, files)), NOW)))
    labels = '{boot_id="",machine_id="abc",system_uuid=""}'
    assert found == {
        f"machine_cpu_cores{labels}": 4,
        f"machine_cpu_physical_cores{labels}": 3,
        f"machine_cpu_sockets{labels}": 2,
        f"machine_memory_bytes{labels}": 2048,
        f"machine_swap_bytes{labels}": 1024,
    }
    tree(tmp_path, {"proc/meminfo": "MemTotal: 3 kB\nSwapTotal: 1 kB\n"})
    assert 3072 in samples(collect(source, Context(paths(tmp_path), NOW + 301))).values()


def test_the_file_system_of_the_layers(tmp_path: Path) -> None:
    mounts = "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 8:2 / /var/lib rw - ext4 /dev/lib rw\n3 1 8:3 / /var/l rw - ext4 /x rw\n"
    root = tree(tmp_path, {"proc/1/mountinfo": mounts, "var/lib/docker/x": ""})
    running, stopped = container(), container("old", 2, state=State.EXITED, pid=0)
    given = world([running, stopped], engine=Engine(root_dir="/var/lib/docker"))
    for _ in range(200):
        source, before = ContainerFilesystem(), os.statvfs(tmp_path)
        text = collect(source, Context(paths(root), NOW, given))
        real = os.statvfs(tmp_path)
        if before == real:  # nobody else wrote meanwhile
            break
    labels = f'{{device="/dev/lib",id="/docker/{running.id}",image="busybox:1",name="web"}}'
    found = samples(text)
    assert found[f"container_fs_limit_bytes{labels}"] == real.f_blocks * real.f_frsize
    assert found[f"container_fs_inodes_total{labels}"] == real.f_files
    assert len([key for key in found if running.id in key]) == 3
    host = {key: value for key, value in found.items() if 'id="/"' in key}
    assert len(host) == 4 * 2, "/var/l is not there, and left out"
    used = host['container_fs_usage_bytes{device="/dev/lib",id="/",image="",name=""}']
    assert used == (real.f_blocks - real.f_bfree) * real.f_frsize
    assert host['container_fs_limit_bytes{device="/dev/root",id="/",image="",name=""}'] == real.f_blocks * real.f_frsize
    again = collect(source, Context(paths(root), NOW + 1, given, settings=CollectorSettings()))
    assert samples(again) == found
    alone = Context(paths(root), NOW, given, settings=CollectorSettings(docker_only=True))
    assert all(running.id in key for key in samples(collect(ContainerFilesystem(), alone)))


def test_a_layer_below_a_closed_folder_is_asked_at_another_mount_of_its_file_system(tmp_path: Path) -> None:
    """As with a data root that the engine mounts on itself below a folder of root's."""
    mounts = "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 8:1 /shut/data /shut/data rw - ext4 /dev/root rw\n"
    root = tree(tmp_path, {"proc/1/mountinfo": mounts, "shut/data/x": ""})
    given = world([container()], engine=Engine(root_dir="/shut/data"))
    asked: list[str] = []
    real = os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        if "/shut/" in path:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "statvfs", statvfs)
        found = samples(collect(ContainerFilesystem(), Context(paths(root), NOW, given)))
    assert any("/shut/" in path for path in asked)
    assert sum(key.startswith("container_fs_limit_bytes") and "web" in key for key in found) == 1


def test_without_the_engine_the_hosts_file_systems_go_on(tmp_path: Path) -> None:
    mounts = "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 0:9 / /run rw - tmpfs tmpfs rw\n"
    root = tree(tmp_path, {"proc/1/mountinfo": mounts})
    source = ContainerFilesystem()
    found = samples(collect(source, Context(paths(root), NOW)))
    assert {key.partition("{")[2] for key in found} == {'device="/dev/root",id="/",image="",name=""}'}
