"""Decodes a remote write 1.0 request by hand (https://prometheus.io/docs/specs/prw/remote_write_spec/).

`WriteRequest{repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3}`, `TimeSeries{labels = 1 {name = 1,
value = 2}, samples = 2 {double value = 1, int64 timestamp = 2}, exemplars = 3, histograms = 4}`. A series' labels are the same bytes
in every request, so they are decoded once and found again by those bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import cramjam

from paramedic_core.errors import BadInput
from paramedic_metrics.series import Labels
from paramedic_metrics.sink import Sample

MOST_BODY = 32 << 20
"""Bytes of a request, unpacked; Prometheus' own bound (storage/remote, DecodeReadLimit)."""
_MOST_SERIES = 200_000
_MOST_SAMPLES = 2_000_000
_MOST_LABELS = 256
_MOST_NAME, _MOST_VALUE = 1024, 64 << 10
_MOST_KEY = 16 << 10
_MOST_FAMILIES = 20_000
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_DOUBLE = struct.Struct("<d")
_TAIL = 18
"""Bytes of a series' one sample as it nearly always is: tag, length 16, tag, 8 of the value, tag, 6 of the timestamp."""


@dataclass(slots=True)
class Request:
    """One request."""

    samples: list[Sample] = field(default_factory=list)
    families: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Type, help and unit, by name."""
    histograms: int = 0
    """Native histograms, which are not taken."""
    exemplars: int = 0
    """Exemplars, which are not kept."""
    invalid: int = 0
    """Series whose labels are none: without a name, unsorted beyond mending, or one twice."""
    first_invalid: str = ""


class Decoder:
    """Decodes requests and remembers labels.

    Args:
        most: how many label sets are remembered; at more, all are forgotten.
    """

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._labels: dict[bytes, Labels | None] = {}

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
        if len(self._labels) > self._most:
            self._labels = {}
        found = Request()
        count = 0
        for number, value in _fields(data, 0, len(data)):
            if number == 1 and isinstance(value, bytes):
                count += 1
                if count > _MOST_SERIES or len(found.samples) > _MOST_SAMPLES:
                    raise BadInput(f"more than {_MOST_SERIES} series or {_MOST_SAMPLES} samples in a request")
                self._series(value, found)
            elif number == 3 and isinstance(value, bytes) and len(found.families) < _MOST_FAMILIES:
                _family(value, found)
        return found

    def _series(self, data: bytes, found: Request) -> None:
        # The shape that nearly all have, told by four bytes; what stands before it must be known as whole labels.
        if data[-_TAIL:-15] == b"\x12\x10\x09" and data[-7] == 0x10:
            labels = self._labels.get(data[:-_TAIL])
            if labels is not None and data[-1] < 0x80:
                found.samples.append((labels, _stamp(data), _DOUBLE.unpack_from(data, len(data) - 15)[0]))
                return
        self._slowly(data, found)

    def _slowly(self, data: bytes, found: Request) -> None:
        end = _labels_end(data)
        key = data[:end]
        labels = self._labels.get(key)
        if labels is None:
            labels = _labels(key, found)
            if labels is not None and len(key) <= _MOST_KEY:
                self._labels[key] = labels
        for number, value in _fields(data, end, len(data)):
            if number == 2 and isinstance(value, bytes):
                stamp, sample = _sample(value)
                if labels is not None:
                    found.samples.append((labels, stamp, sample))
            elif number == 3:
                found.exemplars += 1
            elif number == 4:
                found.histograms += 1
            elif number == 1:
                raise BadInput("labels stand after samples in a series")


def _stamp(data: bytes) -> int:
    """The timestamp of a sample in the usual shape: six bytes of a varint, the last ends it."""
    a, b, c, d, e, f = data[-6:]
    if a & b & c & d & e & 0x80 == 0:
        raise BadInput("a timestamp cannot be read")
    return a & 127 | (b & 127) << 7 | (c & 127) << 14 | (d & 127) << 21 | (e & 127) << 28 | f << 35


def _labels_end(data: bytes) -> int:
    at, most = 0, len(data)
    while at < most and data[at] == 0x0A:
        size, at = _varint(data, at + 1)
        at += size
    if at > most:
        raise BadInput("a label is cut off")
    return at


def _labels(key: bytes, found: Request) -> Labels | None:
    pairs: list[tuple[str, str]] = []
    for _, raw in _fields(key, 0, len(key)):
        if not isinstance(raw, bytes):
            raise BadInput("a label is no message")
        pairs.append(_label(raw))
        if len(pairs) > _MOST_LABELS:
            raise BadInput(f"more than {_MOST_LABELS} labels in a series")
    kept = tuple(sorted((name, value) for name, value in pairs if value))
    names = [name for name, _ in kept]
    if "__name__" not in names or len(set(names)) != len(names) or "" in names:
        found.invalid += 1
        found.first_invalid = found.first_invalid or f"invalid labels: {dict(pairs)}"[:300]
        return None
    return kept


def _label(raw: bytes) -> tuple[str, str]:
    name = value = b""
    for number, part in _fields(raw, 0, len(raw)):
        if number == 1 and isinstance(part, bytes):
            name = part
        elif number == 2 and isinstance(part, bytes):
            value = part
    if len(name) > _MOST_NAME or len(value) > _MOST_VALUE:
        raise BadInput(f"a label of {len(name)} + {len(value)} bytes (at most {_MOST_NAME} + {_MOST_VALUE})")
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError:
        raise BadInput("a label is not UTF-8") from None


def _sample(raw: bytes) -> tuple[int, float]:
    stamp, value = 0, 0.0
    for number, part in _fields(raw, 0, len(raw)):
        if number == 1 and isinstance(part, float):
            value = part
        elif number == 2 and isinstance(part, int):
            stamp = part - (1 << 64) if part >= 1 << 63 else part
    return stamp, value


def _family(raw: bytes, found: Request) -> None:
    kind, texts = 0, {2: "", 4: "", 5: ""}
    for number, part in _fields(raw, 0, len(raw)):
        if number == 1 and isinstance(part, int):
            kind = part
        elif number in texts and isinstance(part, bytes):
            texts[number] = part[:1024].decode("utf-8", "replace")
    if texts[2]:
        found.families[texts[2]] = (_TYPES[kind] if kind < len(_TYPES) else "unknown", texts[4], texts[5])


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes | int | float]]:
    """The fields of a message (protobuf's wire format): number and value, a double as a float."""
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(data, at)
            if size > end - at:
                raise BadInput("a field is cut off")
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif kind == 1:
            if end - at < 8:
                raise BadInput("a double is cut off")
            yield tag >> 3, _DOUBLE.unpack_from(data, at)[0]
            at += 8
        elif kind == 5:
            if end - at < 4:
                raise BadInput("a field is cut off")
            at += 4
        else:
            raise BadInput(f"the wire type {kind} is not known: this is no remote write request")


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
