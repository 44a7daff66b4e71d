"""Files with right checksums and wrong contents: no crash, no hang, no memory beyond bounds, and a plain refusal."""

from __future__ import annotations

import contextlib
import random
import resource
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest

from paramedic_core.errors import BadInput
from paramedic_metrics.series import ABSENT, STALE
from paramedic_metrics.tsdb import block, codec, records, serieslog
from paramedic_metrics.tsdb.framing import Hole, Record, frame, scan
from paramedic_metrics.tsdb.index import Index
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.recovery import Decoder
from support_tsdb import Rig, fill, labels

_HEAD = 52
_ROOM = 2 << 30
_NASTY = (0, 1, 2, 7, 255, 256, 4096, 65535, 1 << 20, 1 << 24, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
ROUNDS = 400


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """No more than this on top of what the process has: an allocation that a header asks for fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    have = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (have + _ROOM, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def a_block(luck: random.Random) -> bytes:
    rows, moments = luck.choice((1, 5, 40)), luck.choice((1, 2, 30, 240))
    noise = np.random.default_rng(luck.randrange(1 << 30))
    values = np.round(noise.normal(0, 100, (rows, moments)), luck.choice((0, 1, 3)))
    values[::3] = np.cumsum(np.abs(values[::3]), axis=1)
    values[1::4] = noise.uniform(size=values[1::4].shape)
    values[2::5] = 7.0
    values[noise.uniform(size=values.shape) < 0.05] = luck.choice((ABSENT, STALE, float("nan")))
    times = 1_700_000_000_000 + np.cumsum(noise.integers(14_900, 15_100, moments))
    return block.encode(np.sort(noise.choice(10_000, rows, replace=False)).astype(np.uint32), times, values)


def parts_of(data: bytes) -> tuple[bytearray, bytearray, bytearray, bytes]:
    """Head, moments, table, stripes."""
    sizes = struct.unpack_from("<2I", data, 36)
    head, moments = bytearray(data[:_HEAD]), bytearray(data[_HEAD : _HEAD + sizes[1]])
    return head, moments, bytearray(data[_HEAD + sizes[1] : _HEAD + sum(sizes)]), data[_HEAD + sum(sizes) :]


def sealed(head: bytearray, moments: bytes, table: bytes, stripes: bytes) -> bytes:
    """A block of them, with the checksum that they want."""
    struct.pack_into("<2I", head, 36, len(table), len(moments))
    struct.pack_into("<I", head, 4, zlib.crc32(table, zlib.crc32(moments, zlib.crc32(head[8:]))))
    return bytes(head) + bytes(moments) + bytes(table) + stripes


def read(data: bytes) -> None:
    with contextlib.suppress(BadInput):
        found = block.Block(memoryview(data))
        found.values()
        assert found.samples <= len(found.ids) * len(found.times)


@pytest.mark.parametrize("seed", range(4))
def test_heads(seed: int) -> None:
    luck = random.Random(seed)
    for _ in range(ROUNDS):
        head, moments, table, stripes = parts_of(a_block(luck))
        for _ in range(luck.choice((1, 1, 2))):
            struct.pack_into("<I", head, 8 + 4 * luck.choice((0, 1, 2, 3, 4, 5, 6, 9, 10)), luck.choice(_NASTY))
        read(sealed(head, moments, table, stripes))


@pytest.mark.parametrize("seed", range(4))
def test_tables(seed: int) -> None:
    luck = random.Random(seed)
    for _ in range(ROUNDS):
        head, moments, table, stripes = parts_of(a_block(luck))
        rows, _, constants, dynamic, firsts, runs, columns, _, _, divided, _ = struct.unpack_from("<11I", head, 8)
        size = 8 * (rows + constants + firsts) + dynamic + 20 * runs + 9 * columns + 12 * divided
        plain = bytearray(codec.unpack(memoryview(bytes(table)), size, np.uint8)[0].tobytes())
        for _ in range(luck.choice((1, 1, 3))):
            if luck.random() < 0.5 and len(plain) >= 4:
                struct.pack_into("<I", plain, luck.randrange(len(plain) - 3), luck.choice(_NASTY))
            else:
                plain[luck.randrange(len(plain))] ^= 1 << luck.randrange(8)
        read(sealed(head, moments, codec.pack(np.frombuffer(bytes(plain), np.uint8), codec=codec.ZSTD), stripes))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.uint32])
def test_columns(seed: int, kind: type) -> None:
    """The codecs' own payloads are damaged, under a right checksum."""
    luck = random.Random(seed)
    for _ in range(ROUNDS):
        numbers = np.array(
            [luck.randrange(luck.choice((2, 1000, 1 << 30))) for _ in range(luck.choice((3, 50, 900)))]
        ).astype(kind)
        data = bytearray(codec.pack(numbers, codec=luck.choice((codec.PCO, codec.ZSTD, codec.RAW))))
        for _ in range(luck.choice((1, 2, 8))):
            data[luck.randrange(4, len(data))] ^= 1 << luck.randrange(8)
        struct.pack_into("<I", data, 5, luck.choice((len(data) - codec.HEADER.size, *_NASTY)))
        struct.pack_into("<I", data, 0, zlib.crc32(bytes(data[4:])))
        with contextlib.suppress(BadInput):
            codec.unpack(memoryview(bytes(data)), luck.choice((len(numbers), len(numbers) + 1)), kind)


@pytest.mark.parametrize("seed", range(3))
def test_records_of_the_log(seed: int) -> None:
    luck = random.Random(seed)
    ids = np.arange(40, dtype=np.uint32)
    values = np.linspace(0, 1, 40)
    layout = records.pack_layout(records.Layout(1, loose=False, group="g", ids=ids))
    payloads = (
        (records.LAYOUT, layout),
        (records.SCRAPE, records.pack_scrape(1, 5, values, None)),
        (records.SCRAPE, records.pack_scrape(1, 6, values + (ids % 3 == 0), values)),
        (records.CELLS, records.pack_cells(records.Cells(True, "g", 7, ids, values))),
    )
    for _ in range(ROUNDS):
        data = b""
        for kind, payload in payloads:
            changed = bytearray(payload)
            for _ in range(luck.choice((0, 1, 4))):
                if luck.random() < 0.4:
                    struct.pack_into("<I", changed, luck.randrange(min(20, len(changed) - 3)), luck.choice(_NASTY))
                else:
                    changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
            data += frame(kind, bytes(changed[: luck.choice((len(changed), len(changed) // 2))]), len(data))
        decoder = Decoder()
        for item in scan(memoryview(data)):
            with contextlib.suppress(BadInput):
                decoder.take(item)


@pytest.mark.parametrize("seed", range(3))
def test_records_of_series(seed: int) -> None:
    luck = random.Random(seed)
    payload = serieslog.pack(range(30), [labels(name="m", i=str(i)) for i in range(30)])
    for _ in range(ROUNDS):
        changed = bytearray(payload)
        for _ in range(luck.choice((1, 2, 5))):
            if luck.random() < 0.6:
                struct.pack_into("<I", changed, 4 * luck.randrange(5), luck.choice(_NASTY))
            else:
                changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
        index = Index(1000)
        list(serieslog.load(memoryview(b"PMS1" + frame(1, bytes(changed), 4)), index))
        for number in index.all().tolist():
            index.labels(number)


@pytest.mark.parametrize("seed", range(3))
def test_directories(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    rig = Rig(tmp_path / "metrics")
    fill(rig, 50)
    rig.store.upkeep.seal_all()
    rig.store.stop()
    (path,) = (tmp_path / "metrics/parts").glob("*.part")
    data = path.read_bytes()
    offset, length, _, magic, nought = struct.unpack("<QII4sI", data[-24:])
    packed = data[offset : offset + length]
    (first,) = struct.unpack_from("<I", packed)
    size = struct.unpack_from("<I", packed, 4)[0]
    plain = orjson.loads(codec.inflate(memoryview(packed[8 : 4 + first]), size))
    odd: tuple[object, ...] = (None, -1, 1 << 40, 1 << 63, "x", [], {}, 1.5, [[1]], [[1] * 8], *_NASTY)
    for _ in range(ROUNDS // 4):
        changed = orjson.loads(orjson.dumps(plain))
        key = luck.choice(list(changed))
        if key == "entries" and luck.random() < 0.7:
            entry = luck.choice(changed["entries"])
            entry[luck.randrange(len(entry))] = luck.choice(odd)
        else:
            changed[key] = luck.choice(odd)
        body = orjson.dumps(changed)
        made = struct.pack("<I", len(body)) + codec.deflate(body, 1)
        made = struct.pack("<I", len(made)) + made + packed[4 + first :]
        path.write_bytes(
            data[:offset] + made + struct.pack("<QII4sI", offset, len(made), zlib.crc32(made), magic, nought)
        )
        with contextlib.suppress(BadInput):
            part = Part(path)
            part.ids()
            for number in range(len(part.entries)):
                part.block(number)


def test_garbage_is_searched_for_records_in_bounded_time() -> None:
    luck = random.Random(1)
    garbage = luck.randbytes(8 << 20) + bytes(1 << 20)
    data = garbage + frame(1, b"found", len(garbage))
    items = list(scan(memoryview(data[: len(garbage)])))
    assert sum(item.size for item in items) == len(garbage)
    assert all(isinstance(item, Hole) for item in items)
    short = luck.randbytes(20_000)
    data = short + frame(1, b"found", len(short))
    hole, record = scan(memoryview(data))
    assert isinstance(hole, Hole)
    assert isinstance(record, Record)
    assert (hole.offset, hole.end, bytes(record.payload)) == (0, len(short), b"found")
