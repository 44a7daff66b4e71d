"""Which container a process is in, from /proc/PID/cgroup."""

from __future__ import annotations

import re
from collections.abc import Container as Has
from collections.abc import Iterable

from paramedic_collector.files import read
from paramedic_collector.source import Paths

_ID = re.compile(rb"[0-9a-f]{64}")
_MOST = 4096


def owners(paths: Paths, pids: Iterable[int], containers: Has[str]) -> dict[int, str]:
    """Process → the full id of its container. One that is in none, or has ended, is left out.

    Args:
        paths: where the host's /proc is.
        pids: process numbers of the host; at most 4,096 are looked at.
        containers: the ids that count.
    """
    found: dict[int, str] = {}
    for pid in list(pids)[:_MOST]:
        try:
            data = read(paths.proc(str(pid), "cgroup"))
        except OSError:
            continue
        for match in _ID.findall(data):
            if match.decode() in containers:
                found[pid] = match.decode()
                break
    return found
