"""The machine's cores and memory, and the file system of containers' layers."""

from __future__ import annotations

import os
from pathlib import Path

from paramedic_collector.exposition import Exposition
from paramedic_collector.source import Context
from paramedic_collector.sources.container_fs import ContainerFilesystem
from paramedic_collector.sources.machine import Machine
from paramedic_core.model import State
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
    source = ContainerFilesystem()
    text = collect(source, Context(paths(root), NOW, given))
    real = os.statvfs(tmp_path)
    labels = f'{{device="/dev/lib",id="/docker/{running.id}",image="busybox:1",name="web"}}'
    found = samples(text)
    assert found[f"container_fs_limit_bytes{labels}"] == real.f_blocks * real.f_frsize
    assert found[f"container_fs_inodes_total{labels}"] == real.f_files
    assert len(found) == 3
    out = Exposition()
    source.collect(Context(paths(root), NOW), out)
    assert not out.lines
