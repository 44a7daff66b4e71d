"""The record of acts: what runtime was about to do to a container, written down before, and what came of it, after.

It is the one record that says what was done (design §3). An act is found again by its key after a crash, so that nothing
is done twice; an intent without an outcome is for `recover.py` to look into.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.errors import Conflict, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_runtime.acts_file import ActsFile

log = logging.getLogger("paramedic.acts")

MOST_ROWS = 100_000
KEEP = 400 * 86400.0
"""Seconds; older acts are pruned. With the ceiling of 30 an hour, rows run out first only after 138 days at full tilt."""
_PRUNE_EVERY = 256
_MOST_PAGE = 1000


class Status(StrEnum):
    """How far an act came."""

    INTENT = "intent"
    """Written down, and not known to be over."""
    DONE = "done"
    FAILED = "failed"
    """The engine answered with an error, or it began and did not come to its end."""
    REFUSED = "refused"
    """Called off between intent and act."""
    LOST = "lost"
    """After a crash: the engine shows that it never began."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act. Times are Unix seconds, 0 where there is none."""

    key: str
    """The caller's name for it: the same key never acts twice."""
    host: str
    target: str
    """The container's full id."""
    name: str
    service: str
    verb: str
    incident: str = ""
    reason: str = ""
    by: str = ""
    expected: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    intent_at: float = 0.0
    status: Status = Status.INTENT
    done_at: float = 0.0
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `GET /acts` gives it."""
        return asdict(self)


class Acts:
    """The record. Thread-safe.

    Args:
        path: `DATA/runtime/acts.db`.
        clock: the time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file, self._clock = ActsFile(path, clock), clock
        self._lock = threading.Lock()
        # Outcomes that could not be written (the disk filled up during the act), by seq. No new act begins meanwhile, so
        # there are never more than acts in flight.
        self._owed: dict[int, Act] = {}
        self._since_prune = 0

    def ready(self) -> Readiness:
        """Whether an intent can be written now, and if not, why."""
        state = self._file.ready()
        if state.ready and self._owed:
            return Readiness(ready=False, reason="the outcome of an act waits to be written down")
        return state

    def readable(self) -> bool:
        """Whether it is open, though perhaps not writable."""
        try:
            self._file.read(lambda db: db.execute("SELECT seq FROM acts LIMIT 1").fetchone())
        except StoreUnavailable:
            return False
        return True

    def tick(self) -> None:
        """Open, probe, write what is owed. Call about once a second."""
        self._file.tick()
        with self._lock:
            owed = list(self._owed.values())
        for act in owed:
            if not self._file.ready().ready:
                return
            self._settle(act)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def intend(self, act: Act) -> Act:
        """Write the intent down, durably, before the act.

        Raises:
            StoreUnavailable: it cannot be written: do not act.
            Conflict: the key is known already.
        """
        state = self.ready()
        if not state.ready:
            raise StoreUnavailable(state.reason, retry_after=5.0)
        begun = replace(act, intent_at=self._clock.now(), status=Status.INTENT, done_at=0.0, detail="")
        try:
            seq = self._file.write(lambda db: _insert(db, begun))
        except sqlite3.IntegrityError as error:
            raise Conflict(f"the key {act.key} is in the record already") from error
        self._prune()
        return replace(begun, seq=seq)

    def finish(self, act: Act, status: Status, detail: str) -> Act:
        """Write the outcome down. It is never lost: while the file cannot be written it is owed, and no act begins."""
        ended = replace(act, status=status, done_at=self._clock.now(), detail=detail[:1000])
        with self._lock:
            self._owed[ended.seq] = ended
        self._settle(ended)
        return ended

    def find(self, key: str) -> Act | None:
        """The act with this key.

        Raises:
            StoreUnavailable: the record cannot be read.
        """
        found = self._select("key = ?", (key,), "seq LIMIT 1")
        return found[0] if found else None

    def after(self, seq: int, limit: int = 100) -> list[Act]:
        """Acts after `seq`, oldest first, at most 1000; raises as `find`."""
        return self._select("seq > ?", (seq,), f"seq LIMIT {max(1, min(int(limit), _MOST_PAGE))}")

    def unresolved(self, target: str = "") -> list[Act]:
        """Intents without an outcome, of `target` or of all; raises as `find`."""
        # The plus keeps SQLite from the index of targets: the one of open intents is all but empty.
        where = "status = 'intent'" + (" AND +target = ?" if target else "")
        found = self._select(where, (target,) if target else (), f"seq LIMIT {_MOST_PAGE}")
        return [act for act in found if act.status is Status.INTENT]

    def since(self, at: float) -> list[Act]:
        """Acts (not those called off) whose intent is later than `at`, for the ceiling; raises as `find`."""
        return self._select("intent_at > ? AND status != 'refused'", (at,), f"intent_at DESC LIMIT {_MOST_PAGE}")

    def _settle(self, act: Act) -> None:
        try:
            self._file.write(lambda db: _update(db, act))
        except StoreUnavailable as error:
            log.error("the outcome of act %s (%s) is owed: %s", act.key, act.status, error)  # noqa: TRY400  its text says it
            return
        with self._lock:
            self._owed.pop(act.seq, None)

    def _select(self, where: str, values: tuple[object, ...], tail: str) -> list[Act]:
        query = f"SELECT * FROM acts WHERE {where} ORDER BY {tail}"  # noqa: S608  only literals of this module
        rows = self._file.read(lambda db: db.execute(query, values).fetchall())
        with self._lock:
            return [self._owed.get(int(row[0])) or _read(row) for row in rows]

    def _prune(self) -> None:
        self._since_prune += 1
        if self._since_prune < _PRUNE_EVERY:
            return
        self._since_prune = 0
        oldest = self._clock.now() - KEEP
        work: Callable[[sqlite3.Connection], object] = lambda db: db.execute(  # noqa: E731  one statement, named for mypy
            "DELETE FROM acts WHERE status != 'intent' AND (intent_at < ? OR seq <= (SELECT max(seq) FROM acts) - ?)",
            (oldest, MOST_ROWS),
        )
        try:
            self._file.write(work)
        except StoreUnavailable as error:
            log.warning("old acts were not pruned: %s", error)


def _insert(db: sqlite3.Connection, act: Act) -> int:
    values = act.to_json() | {"expected": json.dumps(dict(act.expected)), "seq": None}
    names = ", ".join(values)
    holes = ", ".join(f":{name}" for name in values)
    cursor = db.execute(f"INSERT INTO acts ({names}) VALUES ({holes})", values)  # noqa: S608  an Act's own field names
    return int(cursor.lastrowid or 0)


def _update(db: sqlite3.Connection, act: Act) -> None:
    db.execute(
        "UPDATE acts SET status = ?, done_at = ?, detail = ? WHERE seq = ?",
        (act.status.value, act.done_at, act.detail, act.seq),
    )


def _read(row: tuple[Any, ...]) -> Act:
    seq, key, host, target, name, service, verb, incident, reason, by, expected, intent_at, status, done_at, detail = (
        row
    )
    return Act(
        key, host, target, name, service, verb, incident, reason, by, json.loads(expected),
        seq, intent_at, Status(status), done_at, detail,
    )  # fmt: skip
