"""The messages' own store: how far the healer's journal was read, what was told to whom, and what waits to be sent.

SQLite, as the journals (decision 002). A page of the journal, its messages and the cursor are one transaction: a hub that
is killed reads it again, or has it all. What is being sent keeps its id, so that it is the same delivery after a crash.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paramedic_api.messages import series
from paramedic_api.messages.item import Item
from paramedic_api.messages.tell import Opened, read
from paramedic_core.errors import StoreUnavailable
from paramedic_core.settings import Channel, Told

MOST_WAITING = 1000
"""Items that may wait for one channel; the oldest healed ones go first."""
MOST_AT_ONCE = 50
MOST_IN_DIGEST = 200
"""Items of one delivery: a receiver that takes 1 MiB takes it."""
OLD = 86400.0
"""Seconds after which something is no longer news: it is not sent at all."""
_MOST_OPEN = 5000
_MOST_TOLD = 50_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS opened (
  incident TEXT PRIMARY KEY, cause TEXT NOT NULL, text TEXT NOT NULL, asked INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS told (
  channel TEXT NOT NULL, incident TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (channel, incident, reason));
CREATE TABLE IF NOT EXISTS waiting (
  number INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, incident TEXT NOT NULL, reason TEXT NOT NULL,
  at REAL NOT NULL, due REAL NOT NULL, delivery TEXT NOT NULL DEFAULT '', body TEXT NOT NULL,
  UNIQUE (channel, incident, reason));
CREATE INDEX IF NOT EXISTS waiting_channel ON waiting (channel, delivery, due);
CREATE TABLE IF NOT EXISTS counts (
  channel TEXT PRIMARY KEY, sent INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
  last_sent REAL NOT NULL DEFAULT 0);
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that go out together."""

    delivery: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one channel, over all of the hub's lives."""

    waiting: int = 0
    sent: int = 0
    dropped: int = 0
    """Never sent: no room, too old, or the receiver refuses it for good."""
    last_sent: float = 0.0


class MessageStore:
    """Safe from any thread.

    Args:
        path: the database; one that is damaged is set aside under another name, and its cursor with it.
        channels: who is told of what.
    """

    def __init__(self, path: Path, channels: Sequence[Channel]) -> None:
        self.path, self._channels = path, channels
        self._lock = threading.Lock()
        self._db = self._open()

    def cursor(self) -> int | None:
        """The last record of the journal that was read; None before the first."""
        with self._use() as db:
            row = db.execute("SELECT seq FROM cursor").fetchone()
        return int(row[0]) if row else None

    def take(self, records: Iterable[Mapping[str, Any]], seq: int, now: float) -> None:
        """Read a page of the journal: all of it, and the cursor, or nothing.

        Raises:
            StoreUnavailable: the disk is full or read-only; the same page must be given again.
        """
        with self._use() as db:
            known = {
                str(i): Opened(c, t, asked=bool(a))
                for i, c, t, a in db.execute("SELECT incident, cause, text, asked FROM opened")
            }
            for record in records:
                self._take(db, record, known, now)
            db.execute("INSERT INTO cursor VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq", (seq,))
            self._bound(db)

    def next(self, channel: Channel, now: float) -> tuple[Batch | None, float]:
        """What is to be sent now, and else when there will be something (Unix seconds; 0: nothing waits).

        Raises:
            StoreUnavailable: it cannot be marked as under way.
        """
        with self._use() as db:
            self._forget_old(db, channel, now)
            own = (channel.title,)
            row = db.execute("SELECT delivery FROM waiting WHERE channel = ? AND delivery != ''", own).fetchone()
            if row is not None:
                return self._batch(db, channel, str(row[0])), 0.0
            rows = db.execute(
                "SELECT number, due, reason FROM waiting WHERE channel = ? ORDER BY number", own
            ).fetchall()
            urgent = [number for number, _, reason in rows if reason != Told.HEALED.value][:MOST_AT_ONCE]
            due = min((d for _, d, _ in rows), default=0.0)
            # After the clock was set back, a digest must not wait for the future.
            if not urgent and rows and (due <= now or due > now + channel.digest + 60):
                urgent = [number for number, _, _ in rows][:MOST_IN_DIGEST]
            if not urgent:
                return None, due
            delivery = secrets.token_hex(12)
            db.executemany("UPDATE waiting SET delivery = ? WHERE number = ?", [(delivery, n) for n in urgent])
            return self._batch(db, channel, delivery), 0.0

    def sent(self, channel: Channel, batch: Batch, now: float) -> None:
        """The receiver has it; raises StoreUnavailable, then it must be said again."""
        self._close(channel, batch, "sent", now)

    def dropped(self, channel: Channel, batch: Batch) -> None:
        """The receiver will never take it; raises as `sent`."""
        self._close(channel, batch, "dropped", 0.0)

    def counts(self, channel: Channel) -> Counts:
        """Figures of one channel."""
        own = (channel.title,)
        with self._use() as db:
            (waiting,) = db.execute("SELECT COUNT(*) FROM waiting WHERE channel = ?", own).fetchone()
            row = db.execute("SELECT sent, dropped, last_sent FROM counts WHERE channel = ?", own).fetchone()
        return Counts(waiting, *row) if row else Counts(waiting)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _take(self, db: sqlite3.Connection, record: Mapping[str, Any], known: dict[str, Opened], now: float) -> None:
        step = read(record, known)
        one = series.follow(db, step)
        if step.opened is not None:
            known[step.incident] = step.opened
            row = (step.incident, step.opened.cause, step.opened.text, step.opened.asked, step.at)
            db.execute("INSERT OR REPLACE INTO opened VALUES (?, ?, ?, ?, ?)", row)
        for channel in self._channels if step.withdraw else ():
            if step.over or Told.GAVE_UP in channel.gets:
                self._withdraw(db, channel, one.first, told=step.over)
        if step.item is not None:
            # What was healed by us is told each time: the guards bound how often that can be.
            key = f"{step.incident}/fixed" if step.over and not step.if_told else one.first
            for channel in self._channels:
                if step.item.reason in channel.gets and (not step.if_told or self._told(db, channel, one.first)):
                    self._queue(db, channel, key, one.counted(step.item) if step.over else step.item, now)
        if step.over:
            known.pop(step.incident, None)
            db.execute("DELETE FROM opened WHERE incident = ?", (step.incident,))

    def _withdraw(self, db: sqlite3.Connection, channel: Channel, key: str, *, told: bool) -> None:
        """Take back a refusal that was not sent yet. What is under way is let go on: its delivery must stay what it was."""
        row = (channel.title, key)
        where = "WHERE channel = ? AND incident = ? AND reason = 'refused'"
        gone = db.execute(f"DELETE FROM waiting {where} AND delivery = ''", row).rowcount  # noqa: S608  ours
        if gone and told:
            db.execute(f"DELETE FROM told {where}", row)  # noqa: S608  ours

    def _told(self, db: sqlite3.Connection, channel: Channel, key: str) -> bool:
        sql = "SELECT 1 FROM told WHERE channel = ? AND incident = ? LIMIT 1"
        return db.execute(sql, (channel.title, key)).fetchone() is not None

    def _news(self, db: sqlite3.Connection, channel: Channel, key: str, item: Item, now: float) -> bool:
        """Whether it is to be told; notes that it was."""
        row = (channel.title, key, item.reason.value)
        if db.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", (*row, now)).rowcount:
            return True
        if item.reason is not Told.HEALED:
            return False
        where = "channel = ? AND incident = ? AND reason = ?"
        # It came and went again: what still waits for its digest says so, and else the next digest may.
        if db.execute(
            f"UPDATE waiting SET body = ? WHERE {where} AND delivery = ''",  # noqa: S608  ours
            (json.dumps(asdict(item)), *row),
        ).rowcount:
            return False
        sql = f"UPDATE told SET at = ? WHERE {where} AND ABS(at - ?) >= ?"  # noqa: S608  ours
        waits = db.execute(f"SELECT 1 FROM waiting WHERE {where}", row).fetchone()  # noqa: S608  ours
        return waits is None and bool(db.execute(sql, (now, *row, now, series.HEALED_EVERY)).rowcount)

    def _queue(self, db: sqlite3.Connection, channel: Channel, key: str, item: Item, now: float) -> None:
        name, reason = channel.title, item.reason.value
        if not self._news(db, channel, key, item, now):
            return
        if now - item.at > OLD:
            self._count(db, name, "dropped", 1)
            return
        due = 0.0
        if item.reason is Told.HEALED:
            sql = "SELECT MIN(due) FROM waiting WHERE channel = ? AND reason = 'healed' AND delivery = ''"
            (first,) = db.execute(sql, (name,)).fetchone()
            due = first if first is not None else min(item.at, now) + channel.digest
        row = (name, key, reason, item.at, due, json.dumps(asdict(item)))
        db.execute("INSERT INTO waiting (channel, incident, reason, at, due, body) VALUES (?, ?, ?, ?, ?, ?)", row)
        (waiting,) = db.execute("SELECT COUNT(*) FROM waiting WHERE channel = ?", (name,)).fetchone()
        if waiting > MOST_WAITING:
            gone = db.execute(
                "DELETE FROM waiting WHERE number IN (SELECT number FROM waiting WHERE channel = ? AND delivery = '' "
                "ORDER BY reason != 'healed', number LIMIT ?)",
                (name, waiting - MOST_WAITING),
            ).rowcount
            self._count(db, name, "dropped", gone)

    def _forget_old(self, db: sqlite3.Connection, channel: Channel, now: float) -> None:
        gone = db.execute("DELETE FROM waiting WHERE channel = ? AND at < ?", (channel.title, now - OLD)).rowcount
        if gone:
            self._count(db, channel.title, "dropped", gone)

    def _batch(self, db: sqlite3.Connection, channel: Channel, delivery: str) -> Batch:
        sql = "SELECT body FROM waiting WHERE channel = ? AND delivery = ? ORDER BY number"
        rows = [json.loads(body) for (body,) in db.execute(sql, (channel.title, delivery))]
        return Batch(delivery, [Item(**{**row, "reason": Told(row["reason"])}) for row in rows])

    def _close(self, channel: Channel, batch: Batch, column: str, now: float) -> None:
        with self._use() as db:
            row = (channel.title, batch.delivery)
            gone = db.execute("DELETE FROM waiting WHERE channel = ? AND delivery = ?", row).rowcount
            self._count(db, channel.title, column, gone)
            if now:
                db.execute("UPDATE counts SET last_sent = ? WHERE channel = ?", (now, channel.title))

    def _count(self, db: sqlite3.Connection, channel: str, column: str, number: int) -> None:
        db.execute("INSERT OR IGNORE INTO counts (channel) VALUES (?)", (channel,))
        db.execute(f"UPDATE counts SET {column} = {column} + ? WHERE channel = ?", (number, channel))  # noqa: S608  ours

    def _bound(self, db: sqlite3.Connection) -> None:
        for table, most in (("opened", _MOST_OPEN), ("series", _MOST_OPEN), ("told", _MOST_TOLD)):
            db.execute(
                f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} ORDER BY at DESC LIMIT -1 OFFSET ?)",  # noqa: S608  ours
                (most,),
            )
        names = [channel.title for channel in self._channels]
        marks = ",".join("?" * len(names))
        db.execute(f"DELETE FROM waiting WHERE channel NOT IN ({marks})", names)  # noqa: S608  question marks

    def _use(self) -> _Transaction:
        return _Transaction(self._db, self._lock, self.path)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{self.path} cannot be opened ({error}): no message is sent until then") from error
        except sqlite3.DatabaseError:
            aside = self.path.with_name(f"{self.path.name}.damaged-{secrets.token_hex(4)}")
            self.path.rename(aside)
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=5.0)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-256")
            db.executescript(_SCHEMA + series.SCHEMA)
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the quick check failed")
        except BaseException:
            db.close()
            raise
        return db


class _Transaction:
    """One user of the database at a time; all that it does, or nothing."""

    def __init__(self, db: sqlite3.Connection, lock: threading.Lock, path: Path) -> None:
        self._db, self._lock, self._path = db, lock, path

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        try:
            if kind is None:
                self._db.commit()
            else:
                self._db.rollback()
        except sqlite3.Error as failed:
            raise self._unavailable(failed) from failed
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._path} cannot be used ({error}): free space on its disk; messages wait until then"
        )
