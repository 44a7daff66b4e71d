"""For tests of the collector: expositions read back, recorded trees, cgroups made by hand, Worlds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from paramedic_collector.exposition import Exposition, render
from paramedic_collector.source import Context, Paths, Source
from paramedic_core.model import Container, State
from paramedic_core.settings import CollectorSettings
from paramedic_core.world import World

NOW = 1_700_000_000.0
ALONE = CollectorSettings(docker_only=True)
"""Containers only, not the host's own cgroups."""


def fixtures() -> Path:
    """node_exporter's recorded trees, where PARAMEDIC_FIXTURES says they are."""
    folder = Path(os.environ.get("PARAMEDIC_FIXTURES") or "/nowhere")
    if not (folder / "e2e-output.txt").is_file():
        # Reference data, no part of the repository: even CI, where a skip is a failure, need not have it.
        absent = pytest.xfail if os.environ.get("CI") == "true" else pytest.skip
        absent("PARAMEDIC_FIXTURES names no folder with node_exporter's e2e-output.txt")
    return folder


def node_exporter() -> str:
    """node_exporter 1.12's binary, where PARAMEDIC_NODE_EXPORTER says it is."""
    binary = os.environ.get("PARAMEDIC_NODE_EXPORTER") or "/nowhere"
    if not os.access(binary, os.X_OK):
        # A peer that must be built (docs/reference/metrics.md): even CI, where a skip is a failure, need not have it.
        absent = pytest.xfail if os.environ.get("CI") == "true" else pytest.skip
        absent("PARAMEDIC_NODE_EXPORTER names no binary of node_exporter 1.12")
    return binary


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a `ttar` archive: node_exporter's text form of a folder (scripts/ttar there)."""
    lines = iter(archive.read_text().split("\n"))
    for line in lines:
        key, _, name = line.partition(": ")
        path = folder / name
        if key == "Directory":
            path.mkdir(parents=True, exist_ok=True)
        elif key == "Path":
            path.parent.mkdir(parents=True, exist_ok=True)
            kind, _, what = next(lines).partition(": ")
            if kind == "SymlinkTo":
                path.symlink_to(what)
            else:
                path.write_text(_content([next(lines) for _ in range(int(what))]))


def _content(lines: list[str]) -> str:
    text = "\n".join(lines).replace("NULLBYTE", "\0")
    return text.removesuffix("EOF") if text.endswith("EOF") else text + "\n" if lines else ""


def blocks(text: str) -> dict[str, list[str]]:
    """Family → its HELP and TYPE lines and its samples, sorted."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
        found.setdefault(name, []).append(line)
    return {name: sorted(lines) for name, lines in found.items()}


def samples(text: str) -> dict[str, float]:
    """`name{labels}` → value."""
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {key: float(number) for key, _, number in rows}


def collect(source: Source, context: Context) -> str:
    """What one source gives."""
    out = Exposition()
    source.collect(context, out)
    return render([out])


def container(name: str = "web", number: int = 1, **more: object) -> Container:
    """A running container with an id made of `number`."""
    facts: dict[str, object] = {
        "state": State.RUNNING,
        "image": "busybox:1",
        "pid": 100 + number,
        "started_at": NOW - 60,
    }
    return Container(f"{number:064x}", name, **{**facts, **more})  # type: ignore[arg-type]


def world(containers: Iterable[Container] = (), **more: object) -> World:
    """A World of these containers."""
    return World("host", "epoch", 1, NOW, containers={c.id: c for c in containers}, **more)  # type: ignore[arg-type]


def tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def paths(folder: Path) -> Paths:
    """`proc`, `sys` and the root below a folder of the test's."""
    return Paths(str(folder / "proc"), str(folder / "sys"), str(folder))


NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       9       9    0    0    0     0          0         0        9       9    0    0    0     0       0          0
  eth0: 3000000    2000    1    2    0     0          0         0  4000000    3000    3    4    0     0       0          0
"""


def process(c: Container, *lines: str) -> dict[str, str | bytes]:
    """The files of its first process: these lines in `cgroup`."""
    return {f"proc/{c.pid}/cgroup": "\n".join(lines) + "\n", f"proc/{c.pid}/net/dev": NET}


def v2(c: Container, where: str = "", oom: int = 0) -> dict[str, str | bytes]:
    """A container's files under cgroup v2 with systemd's driver, or at the path `where`."""
    path = where or f"/system.slice/docker-{c.id}.scope"
    base = f"sys/fs/cgroup{path}"
    return {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        f"{base}/cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 0\n",
        f"{base}/memory.current": "1000000\n",
        f"{base}/memory.stat": "anon 300000\nfile 600000\nkernel 5\ninactive_anon 7\ninactive_file 250000\n",
        f"{base}/memory.max": "max\n",
        f"{base}/memory.events": f"low 0\nhigh 0\nmax 3\noom 2\noom_kill {oom}\noom_group_kill 0\n",
        **process(c, f"0::{path}"),
    }


def v1(c: Container) -> dict[str, str | bytes]:
    """A container's files under cgroup v1 with the cgroupfs driver; the same numbers."""
    return {
        f"sys/fs/cgroup/cpu,cpuacct/docker/{c.id}/cpuacct.usage": "2500000000\n",
        f"sys/fs/cgroup/cpu,cpuacct/docker/{c.id}/cpuacct.stat": "user 200\nsystem 50\n",
        f"sys/fs/cgroup/memory/docker/{c.id}/memory.usage_in_bytes": "1000000\n",
        f"sys/fs/cgroup/memory/docker/{c.id}/memory.stat": "cache 1\nrss 2\ninactive_file 3\ntotal_cache 600000\ntotal_rss 300000\ntotal_inactive_file 250000\n",
        f"sys/fs/cgroup/memory/docker/{c.id}/memory.limit_in_bytes": "9223372036854771712\n",
        f"sys/fs/cgroup/memory/docker/{c.id}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
        **process(c, f"4:memory:/docker/{c.id}", f"2:cpu,cpuacct:/docker/{c.id}", "0::/"),
    }
