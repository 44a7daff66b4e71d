"""Damage in large files, and files made to keep a reader busy: what is whole behind it is found, in bounded time."""

from __future__ import annotations

import random
import struct
import time
import zlib
from pathlib import Path

import orjson
import pytest

from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb import codec, framing, salvage
from paramedic_metrics.tsdb.framing import Hole, Record, frame, scan, void
from paramedic_metrics.tsdb.part import Part
from support_tsdb import Rig, fill


def test_one_wrong_bit_in_a_large_file_costs_one_record() -> None:
    luck = random.Random(3)
    data = bytearray()
    for _ in range(12):
        data += frame(1, luck.randbytes(2_500_000), len(data))
    data[4_000_000] ^= 1
    items = list(scan(memoryview(data)))
    assert [item.size for item in items if isinstance(item, Hole)] == [2_500_009]
    assert sum(isinstance(item, Record) for item in items) == 11


@pytest.mark.parametrize("more", [-1, 0, 1, 8, 9, 10, 200_000])
def test_a_hole_that_no_record_can_fill_is_filled_by_several(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(framing, "MOST_RECORD", 1 << 16)
    whole = (1 << 16) + 9
    hole = Hole(7, 7 + whole + more)
    data = bytes(hole.offset) + void(hole)
    assert len(data) == hole.end
    assert all(isinstance(item, Hole) and item.known for item in scan(memoryview(data), hole.offset))


def test_a_part_of_nothing_but_beginnings_of_blocks_is_looked_through_soon(tmp_path: Path) -> None:
    path = tmp_path / "1.part"
    size = 2 << 20
    head = struct.pack("<4sI11I", b"PMB1", 0, 1, 1, 0, 0, 0, 0, 0, size - 200, 0, 0, 1)
    path.write_bytes(head * (size // len(head)))
    began = time.process_time()
    assert list(salvage.blocks(path)) == []
    assert time.process_time() - began < 8, "each of them summed up all that follows"


def test_a_directory_with_a_group_that_is_none_is_not_believed(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    expected = fill(rig, 50)
    rig.store.upkeep.seal_all()
    rig.store.stop()
    (path,) = (tmp_path / "metrics/parts").glob("*.part")
    data = path.read_bytes()
    offset, length = struct.unpack("<QI", data[-24:-12])
    packed = data[offset : offset + length]
    first, size = struct.unpack_from("<II", packed)
    directory = orjson.loads(codec.inflate(memoryview(packed[8 : 4 + first]), size))
    directory["entries"][0][0] = -1
    body = orjson.dumps(directory)
    made = struct.pack("<I", len(body)) + codec.deflate(body, 1)
    made = struct.pack("<I", len(made)) + made + packed[4 + first :]
    path.write_bytes(data[:offset] + made + struct.pack("<QII4sI", offset, len(made), zlib.crc32(made), b"PMP1", 0))
    with pytest.raises(BadInput, match="cannot be there"):
        Part(path)
    rig = Rig(tmp_path / "metrics")
    assert rig.samples() == expected
    rig.store.stop()
