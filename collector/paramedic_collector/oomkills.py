"""Whether the kernel has killed anything for lack of memory lately, asked once for all containers."""

from __future__ import annotations

from paramedic_collector.files import Held
from paramedic_collector.source import Paths

_WORTH = 32
"""Containers from which on one read of /proc/vmstat, which adds up all CPUs, is cheaper than theirs."""
_KEY = b"\noom_kill "


class OomKills:
    """`oom_kill` of /proc/vmstat (since Linux 4.13).

    The kernel counts a kill there first, and in the next statement in the victim's cgroup. A scrape may come between the
    two, so a count that is new makes the scrape after it look again, too.

    Args:
        paths: where /proc is.
    """

    def __init__(self, paths: Paths) -> None:
        # Its first page has the row; what follows is of no interest.
        self._file = Held(paths.proc("vmstat"), whole=True)
        self._last: list[bytes] = []

    def lately(self, containers: int) -> bool:
        """Whether a container's own count may have changed since the last call; also when that cannot be told.

        Args:
            containers: how many would be asked else.
        """
        count = self._count() if containers >= _WORTH else b""
        if not count:
            self._last.clear()
            return True
        self._last = [*self._last[-2:], count]
        return len(self._last) < 3 or len(set(self._last)) > 1

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        self._file.close()
        self._last.clear()

    def _count(self) -> bytes:
        try:
            _, found, rest = self._file.read().partition(_KEY)
        except OSError:
            return b""
        return rest.partition(b"\n")[0] if found else b""
