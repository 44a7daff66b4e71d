"""Decodes a remote write 1.0 request by hand (https://prometheus.io/docs/specs/prw/remote_write_spec/).

`WriteRequest{repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3}`, `TimeSeries{labels = 1 {name = 1,
value = 2}, samples = 2 {double value = 1, int64 timestamp = 2}, exemplars = 3, histograms = 4}`. A series' labels are the same bytes
in every request, so they are decoded once and found again by those bytes; and senders send their series in the same order
each time, so most of a request is read by comparing it with what came before (see `track.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import cramjam
import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_metrics.remote.track import STAMP, VALUE, Run, Track
from paramedic_metrics.series import Labels

MOST_BODY = 32 << 20
"""Bytes of a request, unpacked; Prometheus' own bound (storage/remote, DecodeReadLimit)."""
_MOST_SERIES = 200_000
_MOST_SAMPLES = 2_000_000
_MOST_LABELS = 256
_MOST_FIELDS = 3_000_000
"""Fields of a request: of two bytes each it could have 16 million, which nobody needs and which take half a minute."""
_MOST_OF_PART = 16
"""Fields of a label, a sample or a family: the specification has at most five."""
_MOST_NAME, _MOST_VALUE = 1024, 64 << 10
_MOST_KEY = 16 << 10
_MOST_FAMILIES = 20_000
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_MOST_HELD = 128 << 20
"""Bytes of label sets that are remembered: a few series may take as much as many."""
_DOUBLE = struct.Struct("<d")
_ONE = b"\x12\x10\x09"
"""How a series' one sample begins: 16 bytes that follow, a double."""
_NOUGHT = b"\x12\x07\x10"
"""How it begins when it is 0, which is not written."""
_ONE_SIZE, _NOUGHT_SIZE = 2 + 1 + VALUE + 1 + STAMP, 2 + 1 + STAMP
_TRIES = 8
"""After so many series in a row that were not followed by what followed them before, only each so-many-th is looked at."""
_MANY, _RELEARN = 100, 50
"""Series of a request out of order, and requests, after which their order may be learnt anew."""
_ROUNDS, _OF_USE = 5, 8
"""A full track is looked at after so many times its length in samples, and kept where at least each so-many-th was read by
following it."""


@dataclass(slots=True)
class Request:
    """One request."""

    numbers: NDArray[np.int64]
    """Of each sample's series, in `Decoder.series`."""
    times: NDArray[np.int64]
    """Unix milliseconds."""
    values: NDArray[np.float64]
    families: dict[str, tuple[str, str, str]]
    """Type, help and unit, by name."""
    histograms: int
    """Native histograms, which are not taken."""
    exemplars: int
    """Exemplars, which are not kept."""
    invalid: int
    """Series whose labels are none: without a name, unsorted beyond mending, or one twice."""
    first_invalid: str


@dataclass(slots=True)
class _Found:
    """What a request has, as far as it was read."""

    families: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    histograms: int = 0
    exemplars: int = 0
    invalid: int = 0
    first_invalid: str = ""
    runs: list[Run] = field(default_factory=list)
    single: list[tuple[int, int, float]] = field(default_factory=list)
    """Samples after those of the last run: number, moment, value."""
    count: int = 0
    """Of samples."""
    fields: int = 0
    """That were read one by one."""

    def read(self, fields: int = 1) -> None:
        """So many fields more were read.

        Raises:
            BadInput: they are too many.
        """
        self.fields += fields
        if self.fields > _MOST_FIELDS or self.count > _MOST_SAMPLES:
            raise BadInput(f"more than {_MOST_FIELDS} fields or {_MOST_SAMPLES} samples in a request")

    def refuse(self, why: str) -> None:
        """A series is left out."""
        self.invalid += 1
        self.first_invalid = self.first_invalid or why[:300]

    def add(self, run: Run | None) -> None:
        """Samples that follow."""
        if run is not None:
            self.flush()
            self.runs.append(run)
            self.count += len(run.numbers)

    def flush(self) -> None:
        """Make a run of the single samples."""
        if self.single:
            numbers, times, values = zip(*self.single, strict=True)
            self.runs.append(Run(np.array(numbers, np.int64), np.array(times, np.int64), np.array(values, np.float64)))
            self.single = []

    def request(self) -> Request:
        """All of it."""
        self.flush()
        runs = self.runs or [Run(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        return Request(
            np.concatenate([run.numbers for run in runs]),
            np.concatenate([run.times for run in runs]),
            np.concatenate([run.values for run in runs]),
            self.families, self.histograms, self.exemplars, self.invalid, self.first_invalid,
        )  # fmt: skip


class Decoder:
    """Decodes requests and remembers series.

    Args:
        most: how many series are remembered; at more, or at 128 MiB of labels, all are forgotten.
    """

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self.life = 0
        """Grows when all series are forgotten: numbers mean others then."""
        self.series: list[Labels] = []
        """What numbers mean."""
        self._numbers: dict[bytes, int] = {}
        """By the bytes of all labels."""
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._track = Track()
        self._held = self._requests = self._samples = self._followed = 0

    def unpack(self, body: bytes) -> bytes:
        """The protobuf in a snappy block.

        Raises:
            BadInput: it is none, or larger than 32 MiB.
        """
        size, _ = _varint(body, 0) if body else (0, 0)
        if size > MOST_BODY:
            raise BadInput(f"the request is {size} bytes unpacked (at most {MOST_BODY})")
        try:
            return bytes(cramjam.snappy.decompress_raw(body))
        except cramjam.DecompressionError:
            raise BadInput("snappy: corrupt input") from None

    def decode(self, data: bytes) -> Request:
        """Read an unpacked request.

        Raises:
            BadInput: it is none, or larger than it may be.
        """
        if len(self.series) > self._most or self._held > _MOST_HELD:
            self._numbers, self._pairs, self.series, self._track, self._held = {}, {}, [], Track(), 0
            self.life += 1
        full = self._track.full
        found = _Found()
        count = at = lone = known = 0
        whole = np.frombuffer(data, np.uint8)
        while at < len(data):
            begin = at
            number, value, at = _field(data, at, len(data))
            if number == 1 and isinstance(value, bytes):
                count += 1
                place = self._series(value, data[begin:at], found)
                # The last one is new, or nothing follows it yet.
                if 0 <= place < len(self._track) - 1:
                    known += 1
                    if lone < _TRIES or known % _TRIES == 0:
                        at, run = self._track.follow(whole, at, place + 1)
                        lone = 0 if run is not None else lone + 1
                        count += len(run.numbers) if run is not None else 0
                        self._followed += len(run.numbers) if run is not None else 0
                        found.add(run)
                if count > _MOST_SERIES or found.count > _MOST_SAMPLES:
                    raise BadInput(f"more than {_MOST_SERIES} series or {_MOST_SAMPLES} samples in a request")
                continue
            found.read()
            if number == 3 and isinstance(value, bytes) and len(found.families) < _MOST_FAMILIES:
                _family(value, found)
        self._requests += 1
        self._samples += found.count
        if not full:
            self._samples = self._followed = 0  # it was only being learnt
        if self._useless() or (known > max(_MANY, count // 4) and self._requests >= _RELEARN):
            # The order of series is no longer what it was: learn it anew.
            self._track, self._requests, self._samples, self._followed = Track(), 0, 0, 0
        return found.request()

    def _useless(self) -> bool:
        """Whether the track is full of series that have gone."""
        if not self._track.full or self._samples < _ROUNDS * len(self._track):
            return False
        useless = self._followed < self._samples // _OF_USE
        self._samples = self._followed = 0
        return useless

    def _series(self, data: bytes, shape: bytes, found: _Found) -> int:
        """One series; returns its place on the track, −1 for none."""
        # The two shapes that nearly all have; what stands before the sample must be known as whole labels.
        if data[-STAMP - 1 : -STAMP] == b"\x10" and data[-1] < 0x80:
            if data[-_ONE_SIZE : 3 - _ONE_SIZE] == _ONE:
                number = self._numbers.get(data[:-_ONE_SIZE], -1)
                if number >= 0:
                    value = _DOUBLE.unpack_from(data, len(data) - STAMP - 1 - VALUE)[0]
                    found.single.append((number, _stamp(data), value))
                    found.count += 1
                    return self._track.place(shape, number, nought=False)
            if data[-_NOUGHT_SIZE : 3 - _NOUGHT_SIZE] == _NOUGHT:
                number = self._numbers.get(data[:-_NOUGHT_SIZE], -1)
                if number >= 0:
                    found.single.append((number, _stamp(data), 0.0))
                    found.count += 1
                    return self._track.place(shape, number, nought=True)
        self._slowly(data, found)
        return -1

    def _slowly(self, data: bytes, found: _Found) -> None:
        end = _labels_end(data, found)
        key = data[:end]
        known = self._numbers.get(key)
        if known is None:
            labels = _labels(key, found)
            known = -1
            if labels is not None:
                known = len(self.series)
                self._held += len(key)
                # Few pairs, many series: each pair is kept once.
                self.series.append(tuple([self._pairs.setdefault(pair, pair) for pair in labels]))
                if len(key) <= _MOST_KEY:
                    self._numbers[key] = known
        for number, value in _fields(data, end, len(data), len(data)):
            found.read()
            if number == 2 and isinstance(value, bytes):
                stamp, sample = _sample(value)
                if known >= 0:
                    found.single.append((known, stamp, sample))
                    found.count += 1
            elif number == 3:
                found.exemplars += 1
            elif number == 4:
                found.histograms += 1
            elif number == 1:
                raise BadInput("labels stand after samples in a series")


def _stamp(data: bytes) -> int:
    """The timestamp of a sample in the usual shape: six bytes of a varint, the last ends it."""
    a, b, c, d, e, f = data[-STAMP:]
    if a & b & c & d & e & 0x80 == 0:
        raise BadInput("a timestamp cannot be read")
    return a & 127 | (b & 127) << 7 | (c & 127) << 14 | (d & 127) << 21 | (e & 127) << 28 | f << 35


def _labels_end(data: bytes, found: _Found) -> int:
    at = count = 0
    most = len(data)
    while at < most and data[at] == 0x0A:
        size, at = _varint(data, at + 1)
        at += size
        count += 1
    if at > most:
        raise BadInput("a label is cut off")
    found.read(count)
    return at


def _labels(key: bytes, found: _Found) -> Labels | None:
    """The labels; None, and said, where a series cannot have such."""
    pairs: list[tuple[str, str]] = []
    for _, raw in _fields(key, 0, len(key), len(key)):
        if not isinstance(raw, bytes):
            raise BadInput("a label is no message")
        pair = _label(raw, found)
        if pair is None:
            return None
        pairs.append(pair)
        if len(pairs) > _MOST_LABELS:
            found.refuse(f"more than {_MOST_LABELS} labels: {dict(pairs[:8])} …")
            return None
    kept = tuple(sorted((name, value) for name, value in pairs if value))
    names = [name for name, _ in kept]
    if "__name__" not in names or len(set(names)) != len(names) or "" in names:
        found.refuse(f"invalid labels: {dict(pairs)}")
        return None
    return kept


def _label(raw: bytes, found: _Found) -> tuple[str, str] | None:
    name = value = b""
    for number, part in _fields(raw, 0, len(raw), _MOST_OF_PART):
        if number == 1 and isinstance(part, bytes):
            name = part
        elif number == 2 and isinstance(part, bytes):
            value = part
    if len(name) > _MOST_NAME or len(value) > _MOST_VALUE:
        found.refuse(f"label {name[:60]!r} has {len(name)} + {len(value)} bytes (at most {_MOST_NAME} + {_MOST_VALUE})")
        return None
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError:
        found.refuse(f"label {name[:60]!r} is not UTF-8: {value[:60]!r}")
        return None


def _sample(raw: bytes) -> tuple[int, float]:
    stamp, value = 0, 0.0
    for number, part in _fields(raw, 0, len(raw), _MOST_OF_PART):
        if number == 1 and isinstance(part, float):
            value = part
        elif number == 2 and isinstance(part, int):
            stamp = part - (1 << 64) if part >= 1 << 63 else part
    return stamp, value


def _family(raw: bytes, found: _Found) -> None:
    kind, texts = 0, {2: "", 4: "", 5: ""}
    for number, part in _fields(raw, 0, len(raw), _MOST_OF_PART):
        if number == 1 and isinstance(part, int):
            kind = part
        elif number in texts and isinstance(part, bytes):
            texts[number] = part[:1024].decode("utf-8", "replace")
    if texts[2]:
        found.families[texts[2]] = (_TYPES[kind] if kind < len(_TYPES) else "unknown", texts[4], texts[5])


def _fields(data: bytes, at: int, end: int, most: int) -> Iterator[tuple[int, bytes | int | float]]:
    """The fields of a message, so many at most: number and value, a double as a float."""
    while at < end:
        number, value, at = _field(data, at, end)
        most -= 1
        if most < 0:
            raise BadInput("a message has too many fields: this is no remote write request")
        if value is not None:
            yield number, value


def _field(data: bytes, at: int, end: int) -> tuple[int, bytes | int | float | None, int]:
    """One field (protobuf's wire format): number, value (None where it is of no use), and where the next begins."""
    tag, at = _varint(data, at)
    if tag < 8:
        raise BadInput("a field has the number 0: this is no remote write request")
    kind = tag & 7
    if kind == 2:
        size, at = _varint(data, at)
        if size > end - at:
            raise BadInput("a field is cut off")
        return tag >> 3, data[at : at + size], at + size
    if kind == 0:
        value, at = _varint(data, at)
        return tag >> 3, value, at
    if kind not in (1, 5):
        raise BadInput(f"the wire type {kind} is not known: this is no remote write request")
    size = 8 if kind == 1 else 4
    if end - at < size:
        raise BadInput("a double is cut off" if kind == 1 else "a field is cut off")
    return tag >> 3, _DOUBLE.unpack_from(data, at)[0] if kind == 1 else None, at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadInput("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
