"""Who looks at lines as they come. A reader that is too slow loses lines, is told how many, and holds up nobody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from paramedic_core.counters import Counters
from paramedic_core.errors import Temporary
from paramedic_logs import stats
from paramedic_logs.line import Line
from paramedic_logs.store.catalogue import Stream

MOST_READERS = 16
_MOST_WAITING = 2000
Wanted = Callable[[Stream, Line], bool]


class Reader:
    """One of them.

    Args:
        wanted: which lines.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.waiting: deque[tuple[Stream, Line]] = deque()
        self.missed = 0


class Tails:
    """All of them.

    Args:
        counters: see `stats`.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._readers: list[Reader] = []
        self._changed = threading.Condition()
        self._stopped = False
        self.began: Callable[[], None] = lambda: None
        """Called when somebody begins to look: whoever hands lines may be asleep."""

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._readers)

    def hand(self, stream: Stream, lines: list[Line]) -> None:
        """New lines; costs next to nothing while nobody looks."""
        if not self._readers:
            return
        with self._changed:
            for reader in self._readers:
                for line in lines:
                    if not reader.wanted(stream, line):
                        continue
                    if len(reader.waiting) >= _MOST_WAITING:
                        reader.missed += 1
                        self._counters.add(stats.DROPPED, what="tail")
                    else:
                        reader.waiting.append((stream, line))
            self._changed.notify_all()

    def follow(self, wanted: Wanted, beat: float = 5.0) -> Iterator[tuple[Stream, Line] | int | None]:
        """Lines as they come; a number for so many that were missed; None after `beat` seconds of silence.

        Raises:
            Temporary: there are too many readers.
        """
        reader = Reader(wanted)
        with self._changed:
            if len(self._readers) >= MOST_READERS:
                raise Temporary(f"{MOST_READERS} readers follow already: try again when one has gone", retry_after=5.0)
            self._readers.append(reader)
        self.began()
        return self._lines(reader, beat)

    def stop(self) -> None:
        """End them all."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _lines(self, reader: Reader, beat: float) -> Iterator[tuple[Stream, Line] | int | None]:
        try:
            while not self._stopped:
                with self._changed:
                    if not reader.waiting:
                        self._changed.wait(beat)
                    found = list(reader.waiting)
                    reader.waiting.clear()
                    missed, reader.missed = reader.missed, 0
                if missed:
                    yield missed
                yield from found
                if not found:
                    yield None
        finally:
            with self._changed:
                self._readers.remove(reader)
