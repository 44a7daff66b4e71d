"""For tests of scraping and remote write: a sink in memory, a target to scrape, and requests written by hand."""

from __future__ import annotations

import contextlib
import gzip
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cramjam
import numpy as np
from numpy.typing import NDArray

from paramedic_core.lifecycle import Readiness
from paramedic_metrics.harm import Harm
from paramedic_metrics.series import STALE_BITS, Labels, Matcher, Selection
from paramedic_metrics.sink import Sample, Taken
from paramedic_metrics.store import Standing
from support_series import MemorySeries


def is_stale(value: float) -> bool:
    """Whether it is Prometheus' stale marker, to the bit."""
    return bool(struct.unpack("<Q", struct.pack("<d", value))[0] == STALE_BITS)


@dataclass
class MemoryColumn:
    """A column that remembers everything."""

    sink: MemorySink
    labels: list[Labels] = field(default_factory=list)
    moments: list[tuple[int, dict[int, float]]] = field(default_factory=list)
    closed: bool = False
    forgotten: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)
    """Rows that are series of the store."""
    places: dict[Labels, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        return self.sink.most

    def row(self, labels: Labels) -> int:
        row = self.places.setdefault(labels, len(self.labels))
        if row == len(self.labels):
            self.labels.append(labels)
        self.forgotten.discard(row)
        return row

    def make(self, rows: Sequence[int]) -> None:
        for row in rows:
            if row not in self.made:
                self.sink.refuse_series(self.labels[row])
                self.made.add(row)

    def append(self, at: int, rows: Sequence[int], values: Sequence[float]) -> None:
        assert len(rows) == len(values) == len(set(rows))
        self.make(rows)
        assert not self.forgotten & set(rows), "a row that was forgotten"
        self.moments.append((at, dict(zip(rows, values, strict=True))))

    def forget(self, kept: AbstractSet[int]) -> None:
        self.forgotten |= set(range(len(self.labels))) - kept

    def close(self) -> None:
        self.closed = True


@dataclass
class MemorySink:
    """A sink that remembers everything."""

    columns: list[MemoryColumn] = field(default_factory=list)
    added: list[Sample] = field(default_factory=list)
    known: list[Labels] = field(default_factory=list)
    refuse_series: Callable[[Labels], None] = lambda _labels: None
    most: int = 1 << 30

    def column(self, name: str) -> MemoryColumn:
        self.columns.append(MemoryColumn(self))
        return self.columns[-1]

    def add(self, samples: Iterable[Sample]) -> Taken:
        before = len(self.added)
        self.added += samples
        return Taken(stored=len(self.added) - before)

    def refs(self, wanted: Sequence[Labels]) -> NDArray[np.uint32]:
        for labels in wanted:
            if labels not in self.known:
                self.refuse_series(labels)
                self.known.append(labels)
        return np.array([self.known.index(labels) for labels in wanted], np.uint32)

    def put(self, refs: NDArray[np.uint32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Taken:
        rows = zip(refs.tolist(), times.tolist(), values.tolist(), strict=True)
        return self.add([(self.known[ref], at, value) for ref, at, value in rows])

    def last(self, column: int = -1) -> dict[str, float]:
        """The newest moment of a column: values by `name{labels}`."""
        found = self.columns[column]
        return {text(found.labels[row]): value for row, value in found.moments[-1][1].items()}

    def all(self) -> dict[Labels, list[tuple[int, float]]]:
        """Every sample of every series."""
        found: dict[Labels, list[tuple[int, float]]] = {}
        for column in self.columns:
            for at, values in column.moments:
                for row, value in values.items():
                    found.setdefault(column.labels[row], []).append((at, value))
        for labels, at, value in self.added:
            found.setdefault(labels, []).append((at, value))
        return found


def text(labels: Labels) -> str:
    """A series as people write it."""
    inner = ",".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
    return dict(labels).get("__name__", "") + (f"{{{inner}}}" if inner else "")


@dataclass
class Exposing:
    """A target."""

    port: int
    body: bytes = b""
    status: int = 200
    kind: str = "text/plain; version=0.0.4"
    location: str = ""
    gzipped: bool = False
    before: Callable[[], None] = lambda: None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    headers: list[list[tuple[str, str]]] = field(default_factory=list)
    """The same, with names that come several times."""
    paths: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def exposing(body: bytes = b"") -> Iterator[Exposing]:
    """A real HTTP server on loopback that gives one exposition after another."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            target.headers.append(list(self.headers.items()))
            target.asked.append(dict(self.headers))
            target.paths.append(self.path)
            target.before()
            content = gzip.compress(target.body) if target.gzipped else target.body
            self.send_response(target.status)
            self.send_header("Content-Type", target.kind)
            self.send_header("Content-Length", str(len(content)))
            if target.gzipped:
                self.send_header("Content-Encoding", "gzip")
            if target.location:
                self.send_header("Location", target.location)
            self.end_headers()
            with contextlib.suppress(OSError):  # the scraper may have gone, which is what some tests are about
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    target = Exposing(server.server_address[1], body)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def varint(number: int) -> bytes:
    """A protobuf varint."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def delimited(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def remote_series(labels: Sequence[tuple[str, str]], samples: Sequence[tuple[int, float]]) -> bytes:
    """One TimeSeries; a 0 is left out, as Go's generated code does."""
    found = b"".join(delimited(1, delimited(1, n.encode()) + delimited(2, v.encode())) for n, v in labels)
    for stamp, value in samples:
        raw = struct.pack("<d", value)
        inner = (b"\x09" + raw if raw.strip(b"\0") else b"") + (b"\x10" + varint(stamp) if stamp else b"")
        found += delimited(2, inner)
    return found


def remote_request(*series: bytes) -> bytes:
    """A whole WriteRequest, packed as it is sent."""
    return packed(b"".join(delimited(1, one) for one in series))


def packed(data: bytes) -> bytes:
    """A snappy block."""
    return bytes(cramjam.snappy.compress_raw(data))


class MemoryStore(MemorySink):
    """A store in memory: what was put in can be asked."""

    name = "store"

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def ready(self) -> Readiness:
        return Readiness(ready=True)

    healthy = ready

    def standing(self) -> Standing:
        return Standing(series=len(self.all()))

    def harm(self) -> list[Harm]:
        return []

    def metrics(self) -> str:
        return ""

    def _now(self) -> MemorySeries:
        return MemorySeries.of(self.all())

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        return self._now().select(matchers, start, end)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        return self._now().series(matchers, start, end)

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return self._now().label_names(matchers, start, end)

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return self._now().label_values(name, matchers, start, end)
