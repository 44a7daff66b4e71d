"""The file below the record of acts: one SQLite database that is durable, ours alone, and honest about not working.

WAL with `synchronous=FULL`: a commit has been fsynced when it returns (https://www.sqlite.org/pragma.html#pragma_synchronous).
A lock beside it (flock(2)) keeps a second runtime on the same data directory from acting; reading and backing up the file
need no lock. When it cannot be written, nothing is tried on it but a probe, with backoff, until there is space again. A damaged file is set aside by name, never deleted,
and since nobody knows then how much of the ceiling was spent, nothing is done for one window of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from time import gmtime, strftime
from typing import TypeVar

from paramedic_core.clock import Clock
from paramedic_core.errors import StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.limits import Backoff
from paramedic_core.sys.files import sync_folder

log = logging.getLogger("paramedic.acts")
T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

HOLD_AFTER_DAMAGE = 3600.0
"""Seconds without an act after a damaged record: the length of the ceiling's window."""
_VERSION = 1
_LOW_SPACE = 1 << 20
_LOW_EVERY = 30.0
_PROBE = 8192
_BACKOFF = Backoff(first=1.0, most=10.0, jitter=0.0)
_SCHEMA = """
CREATE TABLE acts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, host TEXT NOT NULL, target TEXT NOT NULL,
  name TEXT NOT NULL, service TEXT NOT NULL, verb TEXT NOT NULL, incident TEXT NOT NULL, reason TEXT NOT NULL,
  by TEXT NOT NULL, expected TEXT NOT NULL, intent_at REAL NOT NULL, status TEXT NOT NULL, done_at REAL NOT NULL,
  detail TEXT NOT NULL);
CREATE INDEX acts_by_time ON acts (intent_at);
CREATE INDEX acts_open ON acts (seq) WHERE status = 'intent';
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


class ActsFile:
    """The database of one data directory.

    Args:
        path: `DATA/runtime/acts.db`.
        clock: the time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self._clock = path, clock
        self._lock = threading.RLock()
        self._lock_fd = -1
        self._db: sqlite3.Connection | None = None
        self._wal = path.with_name(f"{path.name}-wal")
        self._inode = self._wal_inode = 0
        self._why = "the record of acts has not been opened yet"
        self._hold_until = 0.0
        self._failures = 0
        self._next_probe = float("-inf")

    def ready(self) -> Readiness:
        """Whether an act may be recorded now, and if not, why."""
        if self._why:
            return Readiness(ready=False, reason=f"no act without its record: {self._why}")
        if self._clock.now() < self._hold_until:
            until = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(self._hold_until))
            return Readiness(
                ready=False,
                reason=f"the record of acts was damaged and set aside beside {self.path}: no act until {until}, "
                "or until the file is restored",
            )
        return Readiness(ready=True)

    def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction and commit it durably; all of it happens, or nothing.

        Raises:
            StoreUnavailable: it cannot be written, or is on hold after damage.
        """
        with self._lock:
            state = self.ready()
            if not state.ready:
                raise StoreUnavailable(state.reason, retry_after=5.0)
            return self._transact(work)

    def read(self, work: Work[T]) -> T:
        """Run `work`, which only reads; possible also while the disk is full.

        Raises:
            StoreUnavailable: it is not open.
        """
        with self._lock:
            if self._db is None:
                raise StoreUnavailable(f"the record of acts cannot be read: {self._why}")
            try:
                return work(self._db)
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def tick(self) -> bool:
        """Look after it: open, probe, see that it is still the same file. Call about once a second.

        Returns:
            Whether it became writable in this call.
        """
        with self._lock:
            if not self._why:
                self._suspect()
            if not self._why or self._clock.monotonic() < self._next_probe:
                return False
            try:
                if self._db is None:
                    self._open()
                else:
                    self._transact(_probe)
            except StoreUnavailable as error:
                log.warning("%s", error)
                return False
            if self._failures:
                log.warning("the record of acts can be written again: %s", self.path)
            self._why, self._failures = "", 0
            return True

    def close(self) -> None:
        """Let go of the file; safe at any time."""
        with self._lock:
            self._shut("the record of acts is closed")
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1
            self._next_probe = float("inf")

    def _open(self) -> None:
        fresh = not self.path.exists()
        try:
            self._be_the_one()
            db = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error
        self._db = db
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "trusted_schema=OFF"):
                db.execute(f"PRAGMA {pragma}")
            self._check(db)
            self.path.chmod(0o600)
            if fresh:
                sync_folder(self.path.parent)
            self._inode = self.path.stat().st_ino
            row = db.execute("SELECT value FROM meta WHERE name = 'hold_until'").fetchone()
            self._hold_until = float(row[0]) if row else 0.0
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error
        self._transact(_probe)
        self._wal_inode = self._wal.stat().st_ino

    def _be_the_one(self) -> None:
        """Hold the lock for the rest of this process' life; the kernel gives it back, whatever ends it."""
        if self._lock_fd >= 0:
            return
        fd = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise OSError("another runtime is at work on this data directory") from error
        self._lock_fd = fd

    def _check(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > _VERSION:
            raise self._failed(OSError(f"{self.path} was written by a newer paramedic (version {version})"))
        if version == 0:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if verdict != "ok":
            raise self._set_aside(verdict)

    def _transact(self, work: Work[T]) -> T:
        db = self._db
        if db is None:
            raise StoreUnavailable(f"no act without its record: {self._why}", retry_after=5.0)
        try:
            db.execute("BEGIN IMMEDIATE")
            result = work(db)
            db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                raise self._failed(error) from error
            raise
        return result

    def _failed(self, error: Exception) -> StoreUnavailable:
        """Note that it does not work and say so; a damaged file is set aside."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._set_aside(str(error))
        self._failures += 1
        why = f"{self.path}: {error}"
        # A full disk leaves the connection good for reading; after anything else a new one is the surer way.
        if code == sqlite3.SQLITE_FULL:
            self._why = f"{why} (free some space)"
        else:
            self._shut(why)
        self._next_probe = self._clock.monotonic() + _BACKOFF.delay(self._failures)
        return StoreUnavailable(f"no act without its record: {why}", retry_after=5.0)

    def _set_aside(self, why: str) -> StoreUnavailable:
        stamp = strftime("%Y%m%dT%H%M%SZ", gmtime(self._clock.now()))
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        self._shut(f"{self.path} is damaged ({why})")
        self._failures += 1
        try:
            for suffix in ("-wal", "-shm", ""):
                old = self.path.with_name(self.path.name + suffix)
                if old.exists():
                    old.rename(aside.with_name(aside.name + suffix))
            sync_folder(self.path.parent)
            self._begin_anew()
        except (OSError, sqlite3.Error) as error:
            self._why += f"; setting it aside failed: {error}"
            self._next_probe = self._clock.monotonic() + _BACKOFF.delay(self._failures)
        else:
            log.error("the record of acts was damaged (%s) and is kept as %s", why, aside)
            self._next_probe = float("-inf")
        return StoreUnavailable(f"no act without its record: {self._why}; it is kept as {aside.name}", retry_after=60.0)

    def _begin_anew(self) -> None:
        """An empty record that remembers to wait, made whole before it gets its name."""
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        db = sqlite3.connect(new, isolation_level=None)
        try:
            until = self._clock.now() + HOLD_AFTER_DAMAGE
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
            db.execute("INSERT INTO meta VALUES ('hold_until', ?)", (until,))
        finally:
            db.close()
        new.rename(self.path)
        sync_folder(self.path.parent)

    def _suspect(self) -> None:
        """Cheap looks that find most trouble before an act needs the file."""
        try:
            same = self.path.stat().st_ino == self._inode
            space = os.statvfs(self.path.parent)
        except FileNotFoundError:
            same = False
        except OSError as error:
            self._shut(f"{self.path}: {error.strerror}")
            return
        if not same:
            self._replaced()
            return
        low = space.f_bavail * space.f_frsize < _LOW_SPACE or space.f_flag & os.ST_RDONLY
        if low and self._clock.monotonic() >= self._next_probe:
            self._next_probe = self._clock.monotonic() + _LOW_EVERY
            with contextlib.suppress(StoreUnavailable):  # _failed has noted it
                self._transact(_probe)

    def _replaced(self) -> None:
        """Somebody restored or removed the file. The WAL left by ours must never be replayed into another one."""
        wal = self._wal
        ours = wal.exists() and wal.stat().st_ino == self._wal_inode
        self._shut(f"{self.path} was removed, or replaced by another file")
        if ours and wal.exists():
            wal.rename(wal.with_name(f"{self.path.name}.damaged-{self._wal_inode}-wal"))
        log.warning("%s: taking up what is there now", self._why)

    def _shut(self, why: str) -> None:
        self._why = why
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()


def _probe(db: sqlite3.Connection) -> None:
    """A write as large as an act's, so that its success means something."""
    db.execute("INSERT OR REPLACE INTO meta VALUES ('probe', ?)", (os.urandom(_PROBE),))
