"""The catalogue: which streams, segments and blocks there are, how far each source was read, and evidence. SQLite.

Block rows and sources' places go in together, in one transaction, after the segment's bytes are on the disk: so a line
is stored exactly once, whenever the process dies (journal_mode=WAL, synchronous=FULL,
https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.errors import StoreUnavailable
from paramedic_logs.sources.rotation import Place

MOST_EVIDENCE = 64 << 20
"""Bytes of all evidence, packed; the oldest goes first."""
# Pages are small because each commit writes whole ones.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
  id INTEGER PRIMARY KEY, host TEXT NOT NULL, origin TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL,
  service TEXT NOT NULL, since REAL NOT NULL, UNIQUE (host, origin, container));
CREATE TABLE IF NOT EXISTS segments (
  id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, tmin INTEGER NOT NULL, tmax INTEGER NOT NULL, written REAL NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (
  segment INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, stream INTEGER NOT NULL,
  lines INTEGER NOT NULL, tmin INTEGER NOT NULL, tmax INTEGER NOT NULL, PRIMARY KEY (segment, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (
  container TEXT PRIMARY KEY, inode INTEGER NOT NULL, start INTEGER NOT NULL, mark BLOB NOT NULL,
  last_ns INTEGER NOT NULL, parts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence (
  seq INTEGER PRIMARY KEY, incident TEXT NOT NULL, at REAL NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS evidence_incident ON evidence (incident, seq);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """One container's lines, or what a Forward sender claims to be one's."""

    id: int
    host: str
    origin: str
    """`file`: read from the engine's own folder. `forward`: sent, so the names are claims."""
    container: str
    """Full id; of a claim, the claimed name."""
    name: str
    service: str
    since: float
    """When it was first seen, Unix seconds."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """Where one block is."""

    segment: int
    start: int
    length: int
    stream: int
    lines: int
    tmin: int
    tmax: int


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment file."""

    id: int
    bytes: int
    """Committed ones; what comes after them was never acknowledged."""
    tmin: int
    tmax: int
    written: float


class Catalogue:
    """The database; one writer at a time, readers of their own.

    Args:
        path: the file.

    Raises:
        StoreUnavailable: it cannot be opened.
        sqlite3.DatabaseError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.Lock()
        """Held while it is written to, and by who needs the catalogue and what is in memory to agree."""
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
            self._db.execute("PRAGMA page_size=1024")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA cache_size=-512")
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"the logs' catalogue {path} cannot be opened: {error}") from error

    def reader(self) -> sqlite3.Connection:
        """A connection that reads one state of it, whatever is written meanwhile; the caller closes it."""
        db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0, check_same_thread=False)
        db.execute("PRAGMA cache_size=-256")
        db.execute("BEGIN")
        db.execute("SELECT 1 FROM segments LIMIT 1").fetchone()
        return db

    def streams(self) -> list[Stream]:
        """All of them."""
        return [Stream(*row) for row in self._db.execute("SELECT * FROM streams")]

    def segments(self) -> list[SegmentRow]:
        """All of them, oldest first."""
        return [SegmentRow(*row) for row in self._db.execute("SELECT * FROM segments ORDER BY id")]

    def blocks(self) -> int:
        """How many there are."""
        return int(self._db.execute("SELECT COUNT(*) FROM blocks").fetchone()[0])

    def places(self) -> dict[str, Place]:
        """How far each container's log was read."""
        return {row[0]: Place(*row[1:]) for row in self._db.execute("SELECT * FROM places")}

    def commit(
        self,
        segment: SegmentRow | None,
        blocks: Iterable[BlockRow],
        streams: Iterable[Stream],
        places: Mapping[str, Place | None],
    ) -> None:
        """Take it all in, or nothing. The caller holds `lock`.

        Args:
            segment: the one that grew.
            blocks: new ones in it.
            streams: new or changed ones.
            places: by container; None forgets it.

        Raises:
            sqlite3.Error: it could not.
        """
        with self._db as db:
            if segment is not None:
                values = (segment.id, segment.bytes, segment.tmin, segment.tmax, segment.written)
                db.execute("INSERT OR REPLACE INTO segments VALUES (?,?,?,?,?)", values)
            db.executemany(
                "INSERT INTO blocks VALUES (?,?,?,?,?,?,?)",
                [(b.segment, b.start, b.length, b.stream, b.lines, b.tmin, b.tmax) for b in blocks],
            )
            db.executemany(
                "INSERT OR REPLACE INTO streams VALUES (?,?,?,?,?,?,?)",
                [(s.id, s.host, s.origin, s.container, s.name, s.service, s.since) for s in streams],
            )
            kept = [(k, p.inode, p.offset, p.mark, p.last_ns, p.parts) for k, p in places.items() if p is not None]
            db.executemany("INSERT OR REPLACE INTO places VALUES (?,?,?,?,?,?)", kept)
            db.executemany("DELETE FROM places WHERE container = ?", [(k,) for k, p in places.items() if p is None])

    def drop_segment(self, number: int) -> list[int]:
        """Forget a segment and its blocks; return the streams of which nothing is left. The caller holds `lock`."""
        with self._db as db:
            touched = {row[0] for row in db.execute("SELECT DISTINCT stream FROM blocks WHERE segment = ?", (number,))}
            db.execute("DELETE FROM blocks WHERE segment = ?", (number,))
            db.execute("DELETE FROM segments WHERE id = ?", (number,))
            left = {row[0] for row in db.execute("SELECT DISTINCT stream FROM blocks")}
        return sorted(touched - left)

    def drop_streams(self, numbers: Iterable[int]) -> None:
        """Forget streams. The caller holds `lock`."""
        with self._db as db:
            db.executemany("DELETE FROM streams WHERE id = ?", [(n,) for n in numbers])

    def add_evidence(self, seq: int, incident: str, at: float, body: bytes) -> None:
        """Keep one moment's lines, and note that the healer's journal was followed up to `seq`: both or neither.

        Args:
            seq: the healer's record that it belongs to; the same one again changes nothing.
            incident: its incident; empty only moves the note.
            at: the moment.
            body: JSON.

        Raises:
            StoreUnavailable: the disk is full.
        """
        packed = zlib.compress(body)
        try:
            with self.lock, self._db as db:
                if incident:
                    row = (seq, incident, at, len(packed), packed)
                    db.execute("INSERT OR IGNORE INTO evidence VALUES (?,?,?,?,?)", row)
                    self._bound_evidence(db)
                db.execute("INSERT OR REPLACE INTO notes VALUES ('healer_seq', ?)", (str(seq),))
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"evidence cannot be kept ({error}): free space on the disk of {self._path}"
            ) from error

    def evidence(self, incident: str) -> list[bytes]:
        """The moments of an incident, oldest first, as JSON."""
        with self.lock:
            sql = "SELECT body FROM evidence WHERE incident = ? ORDER BY seq"
            rows = self._db.execute(sql, (incident,)).fetchall()
        return [zlib.decompress(row[0]) for row in rows]

    def note(self, name: str) -> str:
        """A small fact that is kept; empty when there is none."""
        with self.lock:
            row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def set_note(self, name: str, value: str) -> None:
        """Keep a small fact; raises as `commit`."""
        with self.lock, self._db as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def close(self) -> None:
        with self.lock:
            self._db.close()

    @staticmethod
    def _bound_evidence(db: sqlite3.Connection) -> None:
        total = db.execute("SELECT COALESCE(SUM(bytes), 0) FROM evidence").fetchone()[0]
        while total > MOST_EVIDENCE:
            seq, size = db.execute("SELECT seq, bytes FROM evidence ORDER BY seq LIMIT 1").fetchone()
            db.execute("DELETE FROM evidence WHERE seq = ?", (seq,))
            total -= size
