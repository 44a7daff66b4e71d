"""One target: asked, read, relabelled, stored; what is gone is marked stale. As Prometheus' scrape/scrape.go does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, LimitExceeded, ParamedicError
from paramedic_metrics.scrape.config import MOST_BODY, OPEN_FORMATS, Job
from paramedic_metrics.scrape.exposition import DROPPED, OVER, Described, Read, Reader
from paramedic_metrics.scrape.line import Pairs
from paramedic_metrics.scrape.relabel import relabel
from paramedic_metrics.scrape.targets import Target
from paramedic_metrics.scrape.transport import OPENMETRICS, TEXT, Connection, ScrapeFailed, headers_of
from paramedic_metrics.series import STALE, Labels
from paramedic_metrics.sink import Column, Sink

REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_PROTOBUF = "application/vnd.google.protobuf"
"""The format that native histograms come in; it is never asked for."""
_SNAP = 2
"""Milliseconds by which a scrape may be late and still count as punctual: equal distances compress better."""


@dataclass(slots=True)
class State:
    """How a target stands."""

    health: str = "unknown"
    """unknown, up or down."""
    error: str = ""
    at: float = 0.0
    """When it was last asked, in Unix seconds; 0 for never."""
    seconds: float = 0.0
    """How long that took."""
    scrapes: int = 0
    failures: int = 0
    samples: int = 0
    series: int = 0
    refused: int = 0
    """Samples with timestamps of their own that the store did not take."""
    warning: str = ""


@dataclass(slots=True)
class _Outcome:
    rows: Sequence[int] = ()
    values: Sequence[float] = ()
    scraped: int = 0
    kept: int = 0
    stamped: list[tuple[int, int, float]] = field(default_factory=list)


class Loop:
    """One target's scrapes; called by one thread at a time.

    Args:
        target: what is asked.
        discovered: its labels before relabelling, for the targets page.
        job: how.
        sink: where the samples go.
        clock: the time.
    """

    def __init__(self, target: Target, discovered: Mapping[str, str], job: Job, sink: Sink, clock: Clock) -> None:
        self.target, self.discovered, self.job = target, discovered, job
        self.state = State()
        self._sink, self._clock = sink, clock
        self._column: Column | None = None
        self._labels: dict[int, Labels] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        """Each label pair of `_labels`, once: series have most of theirs in common."""
        self._reader = Reader(self._resolve)
        self._alive: set[int] = set()
        self._seen: set[int] = set()
        """Rows of the last scrape that had any."""
        self._fresh: list[int] = []
        """Rows that this scrape brought; in the store once it has met all limits."""
        self._reports: list[int] = []
        self._most = min(job.limits.body, MOST_BODY) or MOST_BODY
        self._connection = Connection(target.url, job.access, socket_path=target.socket, most=self._most)
        self._headers = headers_of(job.formats, target.timeout, compression=job.compression)
        self._busy = threading.Lock()
        self._closed = False
        self.forced = ""
        """Why the target is not asked: it is down then, as one that fails."""
        self.deadline = float("inf")
        """Monotonic seconds at which the exchange under way must have ended."""

    @property
    def families(self) -> Mapping[str, Described]:
        """What the target says of its families, by name."""
        return self._reader.families

    def scrape(self, due: float) -> None:
        """Ask once.

        Args:
            due: when it was to be asked, in Unix seconds.

        Raises:
            StoreUnavailable: the samples cannot be stored.
        """
        with self._busy:
            if self._closed:
                return
            began, moment = self._clock.monotonic(), self._clock.now()
            at = round(due * 1000) if 0 <= moment - due <= _SNAP / 1000 else round(moment * 1000)
            error = ""
            outcome = _Outcome()
            self._fresh = []
            try:
                outcome = self._ask()
            except ParamedicError as failed:
                error = str(failed)
                outcome = _Outcome(scraped=self._reader.lines, kept=self._reader.kept)
            spent = self._clock.monotonic() - began
            report = [float(not error), spent, outcome.scraped, outcome.kept, len(self._fresh)]
            self._store(at, outcome, report, failed=bool(error))
            self._note(moment, spent, error, outcome)

    def expire(self) -> None:
        """End the exchange under way: it has had its time."""
        self.deadline = float("inf")
        self._connection.abort()

    def written(self) -> set[Labels]:
        """The series that had a sample of their own in the last scrape."""
        alive, labels = self._alive, self._labels  # another thread may put others in their place
        return {found for row in alive if (found := labels.get(row)) is not None}

    def end(self, at: float, heir: Loop | None = None) -> None:
        """The target is gone: all its series end, its reports too.

        Args:
            at: when, in Unix seconds.
            heir: who asks the same target from now on, and has done so: what it has written goes on.
        """
        with self._busy:
            on = heir.written() if heir is not None else frozenset()
            gone = sorted(row for row in self._alive if self._labels.get(row) not in on)
            rows = gone if heir is not None else [*gone, *self._reports]
            if self._column is not None and rows:
                self._column.append(round(at * 1000), rows, [STALE] * len(rows))
            self.close()

    def close(self) -> None:
        """Let go of everything; nothing is marked, and nothing is asked any more."""
        self._closed = True
        self._connection.close()
        if self._column is not None:
            self._column.close()
        self._alive, self._reports, self._column = set(), [], None

    def _ask(self) -> _Outcome:
        if self.forced:
            raise ScrapeFailed(self.forced)
        self.deadline = time.monotonic() + self.target.timeout
        try:
            answer = self._connection.get(self._headers, self.target.timeout)
        finally:
            self.deadline = float("inf")
        if answer.media == _PROTOBUF:
            raise ScrapeFailed(
                "it answers in protobuf, which it was not asked for: paramedic reads text and OpenMetrics"
            )
        # What says nothing of its own that is known is as the job says, or text.
        named = answer.media if answer.media in (OPENMETRICS, TEXT) else self.job.fallback
        read = self._reader.read(answer.body, openmetrics=named in (OPENMETRICS, *OPEN_FORMATS))
        if not self.job.honor_timestamps and read.stamped:
            read.rows += [row for row, _, _ in read.stamped]
            read.values += [value for _, _, value in read.stamped]
            read.stamped = []
        most = self.job.limits.samples
        if most and read.kept > most:
            raise ScrapeFailed(f"sample limit exceeded ({read.kept} samples after relabelling, sample_limit: {most})")
        if self._fresh and self._column is not None:
            self._column.make(self._fresh)
        return self._once(read)

    def _once(self, read: Read) -> _Outcome:
        """Each row once: of two lines of one series the first counts."""
        rows, values = read.rows, read.values
        if len(set(rows)) != len(rows):
            first: dict[int, float] = {}
            for row, value in zip(rows, values, strict=True):
                first.setdefault(row, value)
            self.state.warning = f"{len(rows) - len(first)} lines repeat a series; the first of each counts"
            rows, values = list(first), list(first.values())
        else:
            self.state.warning = ""
        return _Outcome(rows, values, read.lines, read.kept, read.stamped)

    def _store(self, at: int, outcome: _Outcome, report: list[float], *, failed: bool) -> None:
        column = self._column or self._start()
        if failed:
            self._undo()
        seen = set(outcome.rows)
        tracked = {row for row, _, _ in outcome.stamped} if self.job.track_timestamps_staleness else set()
        gone = sorted(self._alive - seen - tracked)
        rows = [*outcome.rows, *gone, *self._reports]
        values = [*outcome.values, *[STALE] * len(gone), *report]
        column.append(at, rows, values)
        self._alive = seen | tracked
        self._forget(seen | {row for row, _, _ in outcome.stamped})
        if outcome.stamped:
            taken = self._sink.add([(self._labels[row], t, v) for row, t, v in outcome.stamped])
            self.state.refused += taken.refused

    def _undo(self) -> None:
        """Forget what a scrape that failed brought: nothing of it is in the store, and it may bring other series each time."""
        self._reader.undo()
        if self._fresh and self._column is not None:
            for row in self._fresh:
                del self._labels[row]
            self._forget_pairs()
            self._column.forget(self._labels.keys() | set(self._reports))

    def _forget(self, seen: set[int]) -> None:
        """Bound what is remembered of series that have gone."""
        # One that fails, or says nothing, will mostly have the same again as before.
        seen = self._seen = seen or self._seen
        self._reader.forget(seen)
        if len(self._labels) > 2 * len(seen) + 1000 and self._column is not None:
            self._labels = {row: labels for row, labels in self._labels.items() if row in seen}
            self._forget_pairs()
            # The store's column forgets them too, so no line may lead to such a row any more.
            self._reader.forget(seen, every=True)
            self._column.forget(seen | set(self._reports))

    def _forget_pairs(self) -> None:
        self._pairs = {pair: pair for labels in self._labels.values() for pair in labels}

    def _start(self) -> Column:
        column = self._column = self._sink.column(self.target.key)
        made = [tuple(sorted([("__name__", name), *self.target.labels])) for name in REPORTS]
        self._reports = [column.row(labels) for labels in made]
        return column

    def _note(self, moment: float, spent: float, error: str, outcome: _Outcome) -> None:
        state = self.state
        state.at, state.seconds, state.error = moment, spent, error
        state.health = "down" if error else "up"
        state.scrapes += 1
        state.failures += bool(error)
        state.samples = outcome.kept
        state.series = len(self._alive)

    def _resolve(self, pairs: Pairs) -> int:
        """From a line's labels to its row: target labels, metric relabelling, limits."""
        merged = merge(pairs, self.target.labels, honor=self.job.honor_labels)
        rules = self.job.metric_relabel
        final = relabel(merged, rules) if rules else merged
        if final is None:
            return DROPPED
        labels = tuple(sorted((name, value) for name, value in final.items() if value))
        if not final.get("__name__"):
            raise BadInput("a series has no name left after metric_relabel_configs")
        self._check(labels)
        most = self.job.limits.samples
        if most and len(self._fresh) >= most:
            return OVER  # with this line there are more than there may be, whatever else comes
        column = self._column or self._start()
        labels = tuple(map(self._pairs.setdefault, labels, labels))
        row = column.row(labels)
        if row not in self._labels:
            if len(self._fresh) >= column.most:
                raise LimitExceeded(
                    f"more than {column.most} new series in one scrape, and the store takes no more in all"
                )
            self._labels[row] = labels
            self._fresh.append(row)
        return row

    def _check(self, labels: Labels) -> None:
        limits = self.job.limits
        if limits.labels and len(labels) > limits.labels:
            raise ScrapeFailed(
                f"label_limit exceeded ({len(labels)} labels, label_limit: {limits.labels}): {_shown(labels)}"
            )
        for name, value in labels:
            if limits.label_name and len(name) > limits.label_name:
                raise ScrapeFailed(
                    f"label_name_length_limit exceeded ({len(name)} > {limits.label_name}): {_shown(labels)}"
                )
            if limits.label_value and len(value) > limits.label_value:
                raise ScrapeFailed(
                    f"label_value_length_limit exceeded ({len(value)} > {limits.label_value}), label {name}: {_shown(labels)}"
                )


def merge(pairs: Pairs, target: Labels, *, honor: bool) -> dict[str, str]:
    """A line's labels with the target's: those count, and a line's own of the same name becomes `exported_NAME`; the other
    way round with `honor_labels` (scrape/scrape.go, mutateSampleLabels).
    """
    found = dict(pairs)
    if honor:
        for name, value in target:
            found.setdefault(name, value)
        return found
    clashes: list[tuple[str, str]] = []
    for name, value in target:
        old = found.get(name, "")
        if old:
            clashes.append((name, old))
        found[name] = value
    for name, old in sorted(clashes, key=lambda clash: len(clash[0])):
        new = f"exported_{name}"
        while new in found:
            new = f"exported_{new}"
        found[new] = old
    return found


def _shown(labels: Labels) -> str:
    return str(dict(labels))[:200]
