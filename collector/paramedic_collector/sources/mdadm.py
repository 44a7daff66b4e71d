"""/proc/mdstat (md(4)) and /sys/block/md*/md: arrays of disks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import names
from paramedic_collector.source import Context, Source

_STATE = gauge("node_md_state", "Indicates the state of md-device.", "device", "state")
_DISKS = gauge("node_md_disks", "Number of active/failed/spare disks of device.", "device", "state")
_REQUIRED = gauge("node_md_disks_required", "Total number of disks of device.", "device")
_BLOCKS = gauge("node_md_blocks", "Total number of blocks on device.", "device")
_SYNCED = gauge("node_md_blocks_synced", "Number of blocks synced on device.", "device")
_RAID = gauge("node_md_raid_disks", "Number of raid disks on device.", "device")
_DEGRADED = gauge("node_md_degraded", "Number of degraded disks on device.", "device")
_STATES = ("active", "inactive", "recovering", "resync", "check")
_SYNCS = {"recovery": "recovering", "reshape": "reshaping", "check": "check", "resync": "resync"}
"""What the line of progress says → the state, the first that is there."""
_STATUS = re.compile(r"\[(\d+)/(\d+)\] \[[U_]+\]")
_PROGRESS = re.compile(r"\((\d+)/\d+\)")
_NO_DISKS = frozenset({"", "container", "imsm", "ddf"})
"""Levels without disks of their own."""
_REDUNDANT = frozenset({"raid1", "raid4", "raid5", "raid6", "raid10"})


@dataclass(frozen=True, slots=True)
class Array:
    """One array, as mdstat tells of it; sizes in blocks of 1024 bytes."""

    name: str
    state: str
    active: int
    required: int
    failed: int
    spare: int
    blocks: int
    synced: int


class Mdadm(Source):
    """State, disks and progress of software RAID; nothing where there is none."""

    name = "mdadm"
    families = (_STATE, _DISKS, _REQUIRED, _BLOCKS, _SYNCED, _RAID, _DEGRADED)

    def collect(self, context: Context, out: Exposition) -> None:
        try:
            text = self.files.read(context.paths.proc("mdstat")).decode("ascii", "replace")
        except FileNotFoundError:
            return
        for array in parse(text):
            for state in _STATES:
                out.add(_STATE, int(state == array.state), device=array.name, state=state)
            for state, count in (("active", array.active), ("failed", array.failed), ("spare", array.spare)):
                out.add(_DISKS, count, device=array.name, state=state)
            out.add(_REQUIRED, array.required, device=array.name)
            out.add(_BLOCKS, array.blocks, device=array.name)
            out.add(_SYNCED, array.synced, device=array.name)
        root = context.paths.sys("block")
        for device in names(root):
            if device.startswith("md"):
                self._folder(f"{root}/{device}/md", device, out)

    def _folder(self, folder: str, device: str, out: Exposition) -> None:
        if not names(folder):
            return
        level = self.files.text(f"{folder}/level")
        # While an array is being changed it reads `new (old)`.
        disks = self.files.text(f"{folder}/raid_disks").partition(" ")[0]
        if level not in _NO_DISKS and disks.isdigit():
            out.add(_RAID, int(disks), device=device)
        degraded = self.files.number(f"{folder}/degraded") if level in _REDUNDANT else 0
        out.add(_DEGRADED, degraded or 0, device=device)


def parse(text: str) -> list[Array]:
    """The arrays of /proc/mdstat.

    Raises:
        ValueError: an array is not told of in the form that it should have.
    """
    lines = text.splitlines()
    found = []
    for at, line in enumerate(lines):
        if not line.strip() or line.startswith((" ", "unused", "Personalities")):
            continue
        if len(lines) < at + 3 or len(line.split()) < 3:
            raise ValueError(f"mdstat tells too little of an array: {line[:80]!r}")
        found.append(_array(line, lines[at + 1 : at + 4]))
    return found


def _array(head: str, below: list[str]) -> Array:
    name, _, state, *_ = head.split()
    status = below[0].split()
    if not status or not status[0].isdigit():
        raise ValueError(f"mdstat has no size of {name}: {below[0][:80]!r}")
    blocks = int(status[0])
    active, required = _disks(head, below[0])
    progress = next((line for line in below[1:] if "bitmap" not in line), "")
    sync = next((known for word, known in _SYNCS.items() if word in progress), "")
    synced = blocks
    if sync:
        waits = "PENDING" in progress or "DELAYED" in progress
        match = _PROGRESS.search(progress)
        if match is None and not waits:
            raise ValueError(f"mdstat has a progress of another form for {name}: {progress[:80]!r}")
        synced = 0 if waits or match is None else int(match[1])
    return Array(name, sync or state, active, required, head.count("(F)"), head.count("(S)"), blocks, synced)


def _disks(head: str, status: str) -> tuple[int, int]:
    """Active and required disks."""
    if "raid0" in head or "linear" in head:  # these have no spares, and all must be there
        return head.count("["), head.count("[")
    if "inactive" in head:
        return 0, 0
    match = _STATUS.search(status)
    if match is None:
        raise ValueError(f"mdstat has a status of another form: {status[:80]!r}")
    return int(match[2]), int(match[1])
