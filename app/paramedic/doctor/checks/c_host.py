"""Is the machine fit: cgroups, disk, clock, ports?"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from paramedic.console.words import amount, span
from paramedic.doctor.base import BAD, OK, WARN, Facts, Verdict, check
from paramedic_core.config.lint import listens
from paramedic_core.config.units import host_port

_MEMORY_MEND = (
    "add cgroup_enable=memory cgroup_memory=1 to the kernel's command line (/boot/firmware/cmdline.txt on a Raspberry Pi,"
    " else GRUB_CMDLINE_LINUX in /etc/default/grub and update-grub), and reboot"
)
_BUILT = 1_760_000_000.0
"""Unix seconds before this code was written: a clock that shows less is wrong."""
_TIME_ERROR = 5
_LISTEN = "0A"


@check("cgroups")
def cgroups(facts: Facts) -> Iterator[Verdict]:
    root = facts.sys / "fs/cgroup"
    if (root / "cgroup.controllers").exists():
        yield Verdict(OK, "cgroup v2")
    elif (root / "unified/cgroup.controllers").exists():
        yield Verdict(OK, "cgroup v1 and v2 side by side (hybrid)")
    elif root.exists():
        what = "cgroup v1: everything works, but kernels and distributions leave it behind"
        yield Verdict(OK, what, "systemd.unified_cgroup_hierarchy=1 on the kernel's command line")
    else:
        yield Verdict(BAD, f"no cgroups at {root}: containers cannot be measured", f"mount them at {root}")


@check("memory cgroup")
def memory_cgroup(facts: Facts) -> Iterator[Verdict]:
    controllers = facts.sys / "fs/cgroup/cgroup.controllers"
    if controllers.exists():
        on = "memory" in controllers.read_text().split()
    else:
        table = facts.proc / "cgroups"
        if not table.exists():
            return
        rows = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
        on = any(row[0] == "memory" and row[-1] == "1" for row in rows if len(row) == 4)
    if not on:
        yield Verdict(WARN, "the memory cgroup is off: containers' memory cannot be seen or limited", _MEMORY_MEND)


@check("disk space")
def disk_space(facts: Facts) -> Iterator[Verdict]:
    places = [facts.data]
    if facts.world and facts.world.engine.root_dir:
        places.append(Path(facts.settings.collector.path_rootfs, facts.world.engine.root_dir.lstrip("/")))
    for place in places:
        there = next((p for p in (place, *place.parents) if os.access(p, os.F_OK)), Path("/"))
        stat = os.statvfs(there)
        free, share = stat.f_bavail * stat.f_frsize, stat.f_bavail / max(1, stat.f_blocks)
        inodes = stat.f_favail / stat.f_files if stat.f_files else 1.0
        mend = f"free space below {there}; `docker system df` shows what containers and images hold"
        if free < 64 << 20 or inodes < 0.005:
            yield Verdict(
                BAD, f"{place}: {amount(free)} free: journals cannot be written, so nothing is acted on", mend
            )
        elif free < 1 << 30 or share < 0.05 or inodes < 0.05:
            yield Verdict(WARN, f"{place}: only {amount(free)} ({share:.0%}) free, {inodes:.0%} of the inodes", mend)
        else:
            yield Verdict(OK, f"{place}: {amount(free)} free")


@check("clock")
def clock(facts: Facts) -> Iterator[Verdict]:
    mend = "timedatectl set-ntp true (or install chrony)"
    if facts.now < _BUILT:
        yield Verdict(BAD, "the clock stands in the past", mend)
    elif facts.world and facts.world.at > facts.now + 5:
        ahead = span(facts.world.at - facts.now)
        yield Verdict(WARN, f"the clock was put back: what is known is from {ahead} in the future", mend)
    elif _unsynchronised():
        yield Verdict(WARN, "the kernel says that nothing keeps the clock right (adjtimex(2): TIME_ERROR)", mend)


def _unsynchronised() -> bool:
    """Whether the kernel calls its clock unsynchronised; False where it does not say."""
    # struct timex has 208 bytes on 64 bit Linux; zeros ask and change nothing.
    buffer = ctypes.create_string_buffer(256)
    call = getattr(ctypes.CDLL(None), "adjtimex", None)
    return call is not None and call(buffer) == _TIME_ERROR


@check("ports")
def ports(facts: Facts) -> Iterator[Verdict]:
    for name, listen in listens(facts.settings).items():
        state = facts.roles.get(name.partition(".")[0])
        if state is not None and state.state != "away":
            continue
        port = host_port(listen)[1]
        if port and port in _listening(facts.proc):
            mend = f"see who it is with `ss -ltnp 'sport = :{port}'`, or set {name} to another port"
            yield Verdict(BAD, f"another program listens on the port of {name}, {port}", mend)


def _listening(proc: Path) -> set[int]:
    """The TCP ports that somebody listens on (proc_net(5))."""
    found = set()
    for name in ("net/tcp", "net/tcp6"):
        path = proc / name
        if path.exists():
            rows = [line.split() for line in path.read_text().splitlines()[1:]]
            found |= {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == _LISTEN}
    return found
