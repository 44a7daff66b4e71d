"""A store as it lies there, only read: beside a hub that goes on writing, or without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from paramedic_core.clock import SystemClock
from paramedic_core.errors import BadInput, Conflict
from paramedic_metrics.series import Frame, Labels, Matcher, Selection
from paramedic_metrics.tsdb import read, recovery, serieslog, stats
from paramedic_metrics.tsdb.cache import Cache
from paramedic_metrics.tsdb.framing import Hole
from paramedic_metrics.tsdb.head import Head, Rules
from paramedic_metrics.tsdb.index import Ids, Index
from paramedic_metrics.tsdb.live import pieces_of
from paramedic_metrics.tsdb.match import match
from paramedic_metrics.tsdb.parts import Parts
from paramedic_metrics.tsdb.twin import read_both
from paramedic_metrics.tsdb.wal import Wal

_CACHE = 64 << 20
_TRIES = 20


class View:
    """What was stored when it was made.

    Args:
        folder: the store's.

    Raises:
        BadInput: there is no store.
        Conflict: files came and went too fast to be opened together.
        OSError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"there are no metrics in {folder}: is --data right?")
        self._cache = Cache(_CACHE)
        for _ in range(_TRIES):
            try:
                self._open(folder)
            except FileNotFoundError:
                continue  # sealed, merged or too old, meanwhile
            return
        raise Conflict(f"the files of {folder} change too fast: try again")

    def _open(self, folder: Path) -> None:
        self.index, self.counters = Index(1 << 32), stats.counters()
        # What is damaged of these is found again in the same parts below: it counts once.
        sealed = Parts(folder, stats.counters(), only_read=True)
        # What is not in these parts is in the log, or was; then it is in a part now.
        wal = Wal(folder / "wal", only_read=True)
        self.head = Head(wal, Rules(0, 0), SystemClock(), self.index.unknown)
        self._unnamed = 0
        for item in serieslog.load(read_both(folder).data, self.index):
            self._unnamed += isinstance(item, Hole) and item.damaged
        recovery.replay(self.head, self.index, sealed, self.counters)
        self.parts = Parts(folder, self.counters, only_read=True)

    @property
    def damaged(self) -> int:
        """How many blocks, parts and records could not be read so far."""
        return int(self.counters.get(stats.DAMAGED) + self.counters.get(stats.WAL_CORRUPT)) + self._unnamed

    def ids(self, matchers: Sequence[Matcher]) -> Ids:
        """The series that match."""
        return match(self.index, matchers)

    def labels(self, number: int) -> Labels:
        """Of one series."""
        return self.index.labels(number)

    def span(self) -> tuple[int, int]:
        """The first and the last moment that there is; (0, 0) when there is none."""
        ends = [(int(t[0]), int(t[-1])) for piece in self._pieces(-(1 << 62), 1 << 62) if len(t := piece.times())]
        return min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0)

    def moments(self, start: int, end: int) -> int:
        """How many samples one series can have in this time, at most: of the group with most of them."""
        windows = set()
        for piece in self._pieces(start, end):
            times = piece.times()
            begin, stop = np.searchsorted(times, (start, end), side="right").tolist()
            # A window of many series is several blocks.
            windows.add((piece.group, int(times[0]), int(times[-1]), stop - begin))
        counts: Counter[int] = Counter()
        for group, _, _, count in windows:
            counts[group] += count
        return max(counts.values(), default=0)

    def frames(self, ids: Ids, start: int, end: int) -> list[Frame]:
        """The samples of these series; see `series.Queryable`.

        Args:
            ids: ascending.
            start: Unix milliseconds, exclusive.
            end: inclusive.
        """
        return list(read.frames(self._pieces(start, end), np.asarray(ids), self.index, start, end))

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """See `series.Queryable`."""
        ids = self.ids(matchers)
        if not len(ids):
            return Selection.of([])
        return read.frames(self._pieces(start, end), ids, self.index, start, end)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        """See `series.Queryable`."""
        return sorted(labels for frame in self.select(matchers, start, end) for labels in frame.labels)

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """See `series.Queryable`."""
        return sorted({value for one in self.series(matchers, start, end) for key, value in one if key == name})

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """See `series.Queryable`."""
        return sorted({key for one in self.series(matchers, start, end) for key, _ in one})

    def _pieces(self, start: int, end: int) -> list[read.Piece]:
        live = pieces_of(self.head, start, end, self._cache)
        return [*self.parts.pieces(self.parts.all(), start, end, self._cache), *live]
