"""A container's json-file log as Docker writes it: records, rotation by renaming, packing, deletion."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paramedic_core.clock import Clock
from paramedic_logs import stats
from paramedic_logs.line import GAP
from paramedic_logs.pipeline import Pipeline
from paramedic_logs.store import search as searching
from paramedic_logs.store.search import Query, search
from paramedic_logs.store.store import Store
from paramedic_logs.tail import Tails

START = 1_700_000_000_000_000_000


def stamp(ns: int) -> str:
    """A moment as Docker writes it."""
    whole = datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ns % 10**9:09d}Z"


def record(text: str, ns: int, stream: str = "stdout") -> bytes:
    """One record."""
    return json.dumps({"log": text, "stream": stream, "time": stamp(ns)}, separators=(",", ":")).encode() + b"\n"


class DockerLog:
    """Writes a container's log and rotates it as moby's `loggerutils/logfile.go` does.

    Args:
        containers: the engine's folder of containers.
        container: full id.
        max_size: bytes after which the file is rotated; 0 never.
        max_file: how many files there are, at most.
        compress: pack what is rotated.
    """

    def __init__(
        self,
        containers: Path,
        container: str = "a" * 64,
        *,
        max_size: int = 0,
        max_file: int = 5,
        compress: bool = False,
    ) -> None:
        self.container, self._max_size, self._max_file, self._compress = container, max_size, max_file, compress
        self.base = containers / container / f"{container}-json.log"
        self.base.parent.mkdir(parents=True, exist_ok=True)
        config = {"max-file": str(max_file), "max-size": str(max_size)}
        note = {"LogConfig": {"Type": "json-file", "Config": config}}
        (self.base.parent / "hostconfig.json").write_text(json.dumps(note))
        self._fd = os.open(self.base, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.count = 0
        self.deleted = 0

    def line(self, text: str | None = None, *, end: str = "\n", stream: str = "stdout", ns: int = 0) -> None:
        """One line; without a text a numbered one."""
        if self._max_size and os.fstat(self._fd).st_size >= self._max_size:
            self.rotate()
        ns = ns or START + self.count * 1_000_000
        os.write(self._fd, record((f"line {self.count}" if text is None else text) + end, ns, stream))
        self.count += 1

    def raw(self, data: bytes) -> None:
        os.write(self._fd, data)

    def rotate(self) -> None:
        os.close(self._fd)
        suffix = ".gz" if self._compress else ""
        if self._max_file > 1:
            last = Path(f"{self.base}.{self._max_file - 1}{suffix}")
            if last.exists():
                last.unlink()
                self.deleted += 1
            for number in range(self._max_file - 1, 1, -1):
                older = Path(f"{self.base}.{number - 1}{suffix}")
                if older.exists():
                    older.rename(f"{self.base}.{number}{suffix}")
            first = Path(f"{self.base}.1")
            self.base.rename(first)
            if self._compress:
                Path(f"{first}.gz").write_bytes(gzip.compress(first.read_bytes(), 1))
                first.unlink()
        else:
            self.base.unlink()
            self.deleted += 1
        self._fd = os.open(self.base, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def truncate(self) -> None:
        """What logrotate's copytruncate does."""
        os.ftruncate(self._fd, 0)

    def close(self) -> None:
        os.close(self._fd)

    def remove(self) -> None:
        """As when the container is removed."""
        self.close()
        for path in self.base.parent.iterdir():
            path.unlink()
        self.base.parent.rmdir()


class Rig:
    """A store and its pump, turned by hand.

    Args:
        folder: where the store is.
        root: the engine's folder.
        clock: the time.
    """

    def __init__(
        self, folder: Path, root: Path, clock: Clock, *, retention_bytes: int = 2 << 30, retention: float = 1e9
    ) -> None:
        self.counters = stats.counters()
        self.clock = clock
        self.store = Store(folder, "host", clock, self.counters, retention_bytes, retention)
        self.store.catalogue.set_note("root_dir", str(root))
        self.pipeline = Pipeline(self.store, clock, self.counters, Tails(self.counters), Path("/"), 10.0)
        self.pipeline._root = str(root)

    def turn(self, rounds: int = 1) -> None:
        """Look so many times, and go on while there is more."""
        for _ in range(rounds):
            while self.pipeline._round() == 0.0:
                pass

    def seal(self) -> None:
        assert self.pipeline._commit(), self.store.failure

    def lines(self, **query: object) -> list[str]:
        """All lines' texts, oldest first; a gap as `GAP …`."""
        wanted = Query(**{"streams": set(self.store.streams), "limit": 1 << 40, "backward": False, **query})  # type: ignore[arg-type]
        # All of them, however long a busy machine takes.
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(searching, "_DEADLINE", 300.0)
            hits = search(self.store, wanted, self.counters).hits
        return [("GAP " if h.line.meta & GAP else "") + h.line.text.decode() for h in hits]

    def crash(self) -> None:
        """Let go as a kill would: nothing more is committed."""
        if self.pipeline._folder is not None:
            self.pipeline._folder.close()
        self.store.close()
