"""Takes a private engine down: whatever it made goes, and nothing else, also when the daemon died before.

What is ours is known by our own folder, cgroup and network names; no process is ended by its name alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import daemon
import need
from place import Place

_PROGRAMS = {"dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "runc", "docker-proxy", "ctr"}
_CGROUPS = Path("/sys/fs/cgroup")


def down(place: Place) -> None:
    """End the engine with its containers, and remove its networks, mounts, cgroups, sockets and files.

    Raises:
        OSError: something could not be removed; the text says what.
    """
    if daemon.answers(place.socket):
        _empty(place)
    daemon.stop(place)
    shims = list(_shim_sockets(place))
    bridges = _bridges(place)
    _end_processes(place)
    _unmount(place.folder)
    for name in bridges:
        subprocess.run([need.tool("ip") or "ip", "link", "delete", name], capture_output=True, timeout=10, check=False)
    for socket in shims:
        socket.unlink(missing_ok=True)
    _remove_cgroups(place)
    left = mounts_below(place.folder)
    if left:
        raise OSError(
            f"{left[0]} is still mounted: nothing below {place.folder} is removed; `umount -l` it and try again"
        )
    if place.folder.exists():
        shutil.rmtree(place.folder)
    place.forget()


def _empty(place: Place) -> None:
    """Ask the engine itself first: it knows best how its containers and networks go."""
    with contextlib.suppress(daemon.EngineFailed, OSError):
        for container in daemon.ask(place.socket, "GET", "/containers/json?all=1"):
            with contextlib.suppress(daemon.EngineFailed):
                daemon.ask(place.socket, "DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for network in daemon.ask(place.socket, "GET", "/networks"):
            if network["Name"] not in ("bridge", "host", "none"):
                with contextlib.suppress(daemon.EngineFailed):
                    daemon.ask(place.socket, "DELETE", f"/networks/{network['Id']}")


def _shim_sockets(place: Place) -> Iterator[Path]:
    """Where its shims listen: outside our folder (below /run/containerd), named in the bundles."""
    for file in (place.folder / "exec").glob("containerd/daemon/*/*/*/address"):
        with contextlib.suppress(OSError):
            kind, _, path = file.read_text().strip().partition("://")
            if kind == "unix" and path.startswith("/run/containerd/s/"):
                yield Path(path)


def _bridges(place: Place) -> set[str]:
    """The bridges that its networks have, from its own network store: a daemon that ends leaves them."""
    try:
        store = (place.folder / "data/network/files/local-kv.db").read_bytes()
    except OSError:
        return set()
    names = {m.decode() for m in re.findall(rb'"BridgeName":"(br-[0-9a-f]{12})"', store)}
    return {name for name in names if Path("/sys/class/net", name, "bridge").is_dir()}


def _end_processes(place: Place) -> None:
    deadline = time.monotonic() + 20
    while pids := {*_in_cgroup(place), *_engine_processes(place)}:
        _thaw(place)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise OSError(f"the processes {sorted(pids)} of the engine in {place.folder} do not end")
        time.sleep(0.05)


def _engine_processes(place: Place) -> Iterator[int]:
    """Daemon, containerd and shims: an engine's program, with our folder in its arguments."""
    inside = f"{place.folder}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            program = Path(os.readlink(entry / "exe").removesuffix(" (deleted)")).name
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if program in _PROGRAMS and inside in arguments and daemon.alive(int(entry.name)):
            yield int(entry.name)


def _cgroup_folders(place: Place) -> list[Path]:
    name = place.cgroup.strip("/")
    tops = [_CGROUPS / name, *(hierarchy / name for hierarchy in _CGROUPS.iterdir() if hierarchy.is_dir())]
    found = [folder for top in tops if top.is_dir() for folder in (top, *top.rglob("*")) if folder.is_dir()]
    return sorted(set(found), key=lambda p: len(p.parts), reverse=True)


def _in_cgroup(place: Place) -> Iterator[int]:
    for folder in _cgroup_folders(place):
        with contextlib.suppress(OSError):
            for line in (folder / "cgroup.procs").read_text().split():
                if daemon.alive(int(line)):
                    yield int(line)


def _thaw(place: Place) -> None:
    """A paused container's processes take no signal."""
    for folder in _cgroup_folders(place):
        for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            with contextlib.suppress(OSError):
                if (folder / file).exists():
                    (folder / file).write_text(word)


def _remove_cgroups(place: Place) -> None:
    deadline = time.monotonic() + 10
    while folders := _cgroup_folders(place):
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if time.monotonic() > deadline:
            raise OSError(f"the cgroup {folders[-1]} cannot be removed: see its cgroup.procs")
        time.sleep(0.02)


def mounts_below(folder: Path) -> list[str]:
    """What is mounted at or below a folder, the deepest first (proc(5), mountinfo)."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4])
        if point == str(folder) or point.startswith(f"{folder}/"):
            points.append(point)
    return sorted(points, key=len, reverse=True)


def _unmount(folder: Path) -> None:
    for flags in ([], ["-l"]):
        for point in mounts_below(folder):
            command = [need.tool("umount") or "umount", *flags, point]
            subprocess.run(command, capture_output=True, timeout=30, check=False)
