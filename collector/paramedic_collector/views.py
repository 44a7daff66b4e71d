"""Whether what we see is the host's: in a container /proc, mounts and interfaces may be the container's own.

Everything here can be seen without any right, unlike /proc/1/ns.
"""

from __future__ import annotations

import os

from paramedic_collector.files import names, read, read_text
from paramedic_collector.mounts import parse as parse_mounts
from paramedic_collector.net import parse as parse_net
from paramedic_collector.source import Paths

_THREAD = "kthreadd"
"""The kernel's threads are seen in the host's process namespace only, and this is always its second process."""
_OWN_DEVICES = frozenset({"btrfs"})
"""File systems whose stat(2) has device numbers of their own."""


def own_network(paths: Paths) -> bool:
    """Whether the host's process 1 has the network that we have, as far as the names of its interfaces tell."""
    try:
        return _interfaces(paths.proc("1/net/dev")) == _interfaces("/proc/self/net/dev")
    except (OSError, ValueError):  # hidepid: then /proc/net, our own, is all that is read
        return True


def strange(paths: Paths) -> list[str]:
    """What is not the host's, each as a sentence that says what to do; empty when all is, or nothing can be told."""
    if not read_text(paths.proc("1/comm")):
        text = (
            f"{paths.procfs} shows no process 1 (hidepid?): mounts and interfaces are told as this process has them. Mount"
            " it without hidepid; outside of containers they are the same anyway"
        )
        return [text]
    found = []
    if read_text(paths.proc("2/comm")) != _THREAD:
        found.append(
            f"{paths.procfs} is a container's own: it shows that container's processes, mounts and interfaces. Mount the"
            " host's /proc, and name it with collector.path_procfs (--path.procfs)"
        )
    try:
        found += _root(paths)
        found += _network(paths)
    except (OSError, ValueError):  # what cannot be read here is reported by the source that reads it
        return found
    return found


def _root(paths: Paths) -> list[str]:
    """Whether the root that we look at is that of process 1."""
    root = next((m for m in parse_mounts(read(paths.proc("1/mountinfo"))) if m.point == "/"), None)
    device = os.stat(paths.rootfs).st_dev  # noqa: PTH116
    if root is None or root.kind in _OWN_DEVICES or (root.major, root.minor) == _numbers(device):
        return []
    text = (
        f"{paths.rootfs} is not the root of the host's process 1, so sizes of file systems would be a container's. Mount"
        " the host's / (with rslave), and name it with collector.path_rootfs (--path.rootfs)"
    )
    return [text]


def _network(paths: Paths) -> list[str]:
    """Whether sysfs shows the interfaces that process 1 has."""
    theirs = _interfaces(paths.proc("1/net/dev"))
    ours = {name for name in names(paths.sys("class/net")) if name != "bonding_masters"}
    if theirs == ours:
        return []
    text = (
        f"{paths.sys('class/net')} shows other interfaces than process 1 has ({_few(ours)}; there {_few(theirs)}). Mount"
        " the host's /sys, and name it with collector.path_sysfs (--path.sysfs)"
    )
    return [text]


def _interfaces(path: str) -> set[str]:
    return set(parse_net(read(path)))


def _numbers(device: int) -> tuple[str, str]:
    return str(os.major(device)), str(os.minor(device))


def _few(interfaces: set[str]) -> str:
    return ", ".join(sorted(interfaces)[:4]) + (", …" if len(interfaces) > 4 else "") or "none"
