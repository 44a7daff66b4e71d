"""One cgroup that is measured: its files, held open, and its row of ready lines."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from os import pread

from paramedic_collector import cadvisor as c
from paramedic_collector.cells import Cells, Table
from paramedic_collector.cgroup import Layout
from paramedic_collector.files import GONE, Held
from paramedic_collector.net import parse
from paramedic_collector.readings import THROTTLING, Gate, Reading
from paramedic_collector.spec import read_spec

_IGNORED = ("lo", "veth", "docker")
"""Interfaces by their beginnings, as in cAdvisor: with the host's network they are those of all others."""
_PIECE, _MORE = 448, 8192
"""Bytes asked for at once, and of a file that had more: `memory.stat`, the longest, has 2 KB. Up to 512 a buffer is cheap."""
_FOLLOWS, _LIMIT = int(Gate.FOLLOWS), int(Gate.LIMIT)
_REFRESH = 60.0
"""Seconds for which limits are believed; an update that the engine told of is seen at once."""
_ABSENT = frozenset({errno.EOPNOTSUPP, errno.ENOTDIR, *GONE})
"""What opening says where the kernel, or this cgroup, does not have the file."""


class _File(Held):
    """A file of a cgroup, with what it said last."""

    __slots__ = ("gate", "last", "piece", "reading")

    def __init__(self, folder: str, reading: Reading) -> None:
        super().__init__(f"{folder}/{reading.name}", whole=True)
        self.reading, self.gate, self.piece = reading, int(reading.gate), _PIECE
        self.last: bytes | None = None
        """None: nothing that is still believed."""

    def more(self) -> bytes:
        """What it says now: it is not open, or more than a piece."""
        if self.fd >= 0:
            self.piece = _MORE
        return self.read()


class Group:
    """What is open for one cgroup.

    Args:
        labels: of its series.
        where: how cgroups are mounted.
        readings: what to read.
        folders: controller → its folder there, or None; the empty string is v2.
        table: that its row is told in.

    Raises:
        OSError: a file may not be read.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        where: Layout,
        readings: list[Reading],
        folders: Mapping[str, str | None],
        table: Table,
    ) -> None:
        self.cells = Cells(labels, table.dirty)
        self._where, self._readings, self._folders = where, readings, folders
        self._files: list[_File] = []
        self._limited = False
        self._spec_at = float("-inf")
        self._network = b""
        try:
            self._open(quota=False)
        except BaseException:
            self.release()
            raise

    @property
    def size(self) -> int:
        """Descriptors that it may hold."""
        return len(self._files) + 1

    def due(self, now: float) -> bool:
        """Whether its limits are to be read again."""
        return not 0 <= now - self._spec_at < _REFRESH

    def refresh(self, now: float) -> None:
        """Read its limits, and what else seldom changes."""
        self._spec_at = now
        self.seldom()
        limited = bool(self.cells.row[c.SPEC_QUOTA.index])
        if limited != self._limited:
            self._limited = limited
            self._throttle()

    def seldom(self) -> None:
        """Put into the row what seldom changes."""
        read_spec(self._where, self._folders.get, self.cells)

    def measure(self, seen: str, *, kills: bool = True) -> str:
        """Bring the row up to date.

        Args:
            seen: now, the text of Unix seconds.
            kills: whether the kernel may have killed a process for lack of memory since the row was last brought up to date.

        Returns:
            what could not be read although the cgroup is there; empty when all is well.

        Raises:
            OSError: the cgroup has been removed (ENODEV).
        """
        trouble, cells = "", self.cells
        same = [False, False, not kills, cells.unlimited]  # by Gate
        for file in self._files:
            last = file.last
            if same[file.gate] and last is not None:
                continue
            try:
                # `read` without all that the hot path can do without.
                fd, piece = file.fd, file.piece
                if fd < 0 or len(data := pread(fd, piece, 0)) >= piece:
                    data = file.more()
                same[_FOLLOWS] = unchanged = data == last
                if not unchanged:
                    if data or last:
                        file.reading.take(cells, data)
                    file.last = data
                    same[_LIMIT] = cells.unlimited
            except (OSError, ValueError, KeyError) as error:
                if isinstance(error, OSError) and error.errno in GONE:
                    raise
                file.last = None
                same[_FOLLOWS] = False
                trouble = trouble or f"{file.path}: {error}"
        if trouble:
            self._rebuild()
        cells.put(c.LAST_SEEN, seen)
        return trouble

    def network(self, data: bytes) -> None:
        """Put a net/dev into the row."""
        if data == self._network:
            return
        rows = {name: row for name, row in parse(data).items() if not name.startswith(_IGNORED)}
        texts = {name: [word.decode("ascii") for word in row] for name, row in rows.items()}
        for slot, column in c.NETWORK:
            self.cells.put_each(slot, ("interface",), (((name,), row[column]) for name, row in texts.items()))
        self._network = data

    def release(self) -> None:
        """Close the cgroup's files; the next read opens them again."""
        for file in self._files:
            file.close()

    def _open(self, *, quota: bool) -> None:
        """Open the files that are there."""
        for reading in self._readings:
            base = self._folders.get(reading.controller)
            if base is None or reading.quota is not quota:
                continue
            file = _File(base, reading)
            try:
                file.read()
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
            else:
                self._files.append(file)

    def _throttle(self) -> None:
        """Read what only a CPU quota makes interesting, or no more."""
        if self._limited:
            self._open(quota=True)
        else:
            for file in [file for file in self._files if file.reading.quota]:
                file.close()
                self._files.remove(file)
            for slot in THROTTLING:
                self.cells.clear(slot)
        for file in self._files:
            file.last = None  # `cpu.stat` of v2 says more with a quota

    def _rebuild(self) -> None:
        """A file could not be read: what it said before is no news, the rest is."""
        self.cells.reset()
        self._network = b""
        self.seldom()
        for file in self._files:
            if file.last:
                file.reading.take(self.cells, file.last)
