"""The healer's journal: every decision with its inputs, every act, every outcome. SQLite, fsynced before it counts.

Runtime keeps the record of acts; this one says why. A record is durable when `append` returns
(journal_mode=WAL with synchronous=FULL, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from paramedic_core.errors import StoreUnavailable
from paramedic_core.fault import fault
from paramedic_healer.history import Record

log = logging.getLogger("paramedic.healer.journal")

MOST_ROWS = 200_000
_PRUNE_EVERY = 1_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, incident TEXT NOT NULL,
  target TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_incident ON records (incident, seq);
CREATE INDEX IF NOT EXISTS records_at ON records (at);
CREATE INDEX IF NOT EXISTS records_name ON records (name, seq);
"""


class Journal:
    """Append-only; at most `MOST_ROWS` records, the oldest go first.

    Args:
        path: the database file; a damaged one is set aside under another name and said so, never deleted.
        host: this host's id, put on every record that is read.
    """

    def __init__(self, path: Path, host: str) -> None:
        self._path, self._host = path, host
        self._lock = threading.Lock()
        self._since_prune = 0
        self._appends = 0
        self.appended = threading.Condition()
        """Notified after each append."""
        self.set_aside = ""
        """The name under which a damaged journal was kept; empty when there was none."""
        self._db = self._open()

    def append(self, records: Sequence[Record]) -> None:
        """Make the records durable, all or none.

        Raises:
            StoreUnavailable: the disk is full or read-only; nothing was written, so nothing may be done.
        """
        if not records:
            return
        rows = [
            (r.at, r.kind, r.incident, r.target, r.name, r.service, json.dumps(r.body, separators=(",", ":")))
            for r in records
        ]
        fault("healer.before_write")
        try:
            with self._lock, self._db:
                self._db.executemany(
                    "INSERT INTO records (at, kind, incident, target, name, service, body) VALUES (?,?,?,?,?,?,?)", rows
                )
                self._prune(len(rows))
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"the healer's journal {self._path} cannot be written ({error}): free space on its disk; "
                "nothing is done until then"
            ) from error
        fault("healer.after_write")
        with self.appended:
            self._appends += 1
            self.appended.notify_all()

    def replay(self, since: float) -> list[Record]:
        """All records since `since` (Unix seconds), and all of incidents that are still open, oldest first.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        sql = (
            "SELECT at, kind, incident, target, name, service, body FROM records WHERE at >= ? OR incident IN "
            "(SELECT incident FROM records WHERE kind = 'opened' AND incident NOT IN "
            "(SELECT incident FROM records WHERE kind = 'closed')) ORDER BY seq"
        )
        try:
            with self._lock:
                rows = self._db.execute(sql, (since,)).fetchall()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return [
            Record(kind, at, inc, target, name, service, json.loads(body))
            for at, kind, inc, target, name, service, body in rows
        ]

    def last_restraint(self) -> Record | None:
        """The newest restraint, however old."""
        sql = "SELECT at, body FROM records WHERE kind = 'restraint' ORDER BY seq DESC LIMIT 1"
        try:
            with self._lock:
                row = self._db.execute(sql).fetchone()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return Record("restraint", row[0], body=json.loads(row[1])) if row else None

    def _unreadable(self, error: sqlite3.Error) -> StoreUnavailable:
        return StoreUnavailable(
            f"the healer's journal {self._path} cannot be read ({error}): nothing is done until then"
        )

    def last_seq(self) -> int:
        """The newest record's `seq`; 0 when there is none."""
        with self._lock:
            return int(self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM records").fetchone()[0])

    def read(self, *, after: int = 0, limit: int = 100, newest: bool = False, **equal: str) -> list[dict[str, Any]]:
        """Records as JSON objects.

        Args:
            after: only those with a larger `seq` (or, newest first, a smaller one where it is not 0).
            limit: at most so many.
            newest: newest first.
            equal: columns that must have these values, of kind, incident, target, name, service.
        """
        wanted = {k: v for k, v in equal.items() if k in ("kind", "incident", "target", "name", "service") and v}
        where = [f"{column} = ?" for column in wanted]
        values: list[object] = list(wanted.values())
        if after:
            where.append("seq < ?" if newest else "seq > ?")
            values.append(after)
        sql = "SELECT seq, at, kind, incident, target, name, service, body FROM records"
        if where:
            sql += f" WHERE {' AND '.join(where)}"
        sql += f" ORDER BY seq {'DESC' if newest else 'ASC'} LIMIT ?"
        with self._lock:
            rows = self._db.execute(sql, (*values, limit)).fetchall()
        return [self._object(row) for row in rows]

    def follow(self, after: int, stop: threading.Event, beat: float = 5.0) -> Iterator[dict[str, Any] | None]:
        """Records after `after` as they come; None after each `beat` seconds of silence; ends when `stop` is set."""
        while not stop.is_set():
            seen = self._appends
            found = self.read(after=after, limit=500)
            for item in found:
                after = int(item["seq"])
                yield item
            if found:
                continue
            with self.appended:
                heard = self._appends != seen or self.appended.wait(beat)
            if not heard:
                yield None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _object(self, row: tuple[Any, ...]) -> dict[str, Any]:
        seq, at, kind, incident, target, name, service, body = row
        known = {"seq": seq, "at": at, "kind": kind, "host": self._host, "incident": incident, "target": target}
        return {**json.loads(body), **known, "name": name, "service": service}

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"the healer's journal {self._path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            for number in range(1, 1000):
                aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
                if not aside.exists():
                    break
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                rest = Path(f"{self._path}{suffix}")
                if rest.exists():
                    rest.rename(Path(f"{aside}{suffix}"))
            self.set_aside = str(aside)
            log.error("the journal was damaged (%s): kept as %s, a new one is begun", error, aside)  # noqa: TRY400  the place is known, a trace says nothing more
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False, timeout=5.0)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-512")
            db.executescript(_SCHEMA)
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the quick check failed")
        except BaseException:
            db.close()
            raise
        return db

    def _prune(self, added: int) -> None:
        self._since_prune += added
        if self._since_prune >= _PRUNE_EVERY:
            self._since_prune = 0
            # The hub's restraint holds until it is lifted, however old its record is.
            self._db.execute(
                "DELETE FROM records WHERE seq <= (SELECT MAX(seq) FROM records) - ? "
                "AND seq IS NOT (SELECT MAX(seq) FROM records WHERE kind = 'restraint')",
                (MOST_ROWS,),
            )
