"""The store: order, limits, retention, damage; evidence, and what bounds it."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_core.clock import FakeClock
from paramedic_core.errors import BadInput, Temporary
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.server import Request
from paramedic_logs import stats
from paramedic_logs.events import Events
from paramedic_logs.evidence import MOST_LINES
from paramedic_logs.follow import Follower
from paramedic_logs.line import Line
from paramedic_logs.parse.level import level_of
from paramedic_logs.routes import routes
from paramedic_logs.store.block import Block, encode
from paramedic_logs.tail import MOST_READERS, Tails
from support_logs import START, Rig

SECOND = 10**9


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "logs", tmp_path / "engine", FakeClock(START / 1e9))
    yield made
    made.crash()


def ask(rig: Rig, path: str, **query: str) -> dict:
    table = routes(rig.store, Tails(rig.counters), rig.counters)
    answer = table[f"GET {path}"](Request("GET", path, query))
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


LINES = st.lists(
    st.builds(Line, st.integers(0, (1 << 63) - 1), st.integers(0, 255), st.binary(max_size=60)), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_a_block_gives_back_what_it_took(lines: list[Line]) -> None:
    block = Block(encode(7, lines))
    assert [block.line(i) for i in range(block.count)] == lines


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_block_is_never_believed(data: st.DataObject) -> None:
    good = encode(1, [Line(5, 0, b"hello " * 9), Line(6, 1, b"you")])
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    try:
        block = Block(bytes(bad))
    except BadInput:
        return
    # The three bytes of nought and the codec are under the checksum too: nothing else is left.
    assert (at, block.count) == (at, 2)
    raise AssertionError(f"byte {at} was changed unseen")


def test_the_newest_of_many_streams_in_order_whatever_came_when(rig: Rig) -> None:
    luck = random.Random(3)
    moments = list(range(400))
    luck.shuffle(moments)
    for turn, moment in enumerate(moments):
        stream = rig.store.stream("file", f"{turn % 5:064x}", f"c{turn % 5}", f"shop/s{turn % 2}")
        rig.store.add(stream, [Line(START + moment * SECOND, 0, f"n{moment}".encode())])
        if turn % 17 == 0:
            assert rig.store.commit({})
    found = ask(rig, "/search", limit="30")
    assert [line["text"] for line in found["lines"]] == [f"n{n}" for n in range(399, 369, -1)]
    assert found["more"]
    found = ask(rig, "/search", limit="5", direction="forward", **{"from": f"{START // SECOND + 100}"})
    assert [line["text"] for line in found["lines"]] == [f"n{n}" for n in range(100, 105)]
    found = ask(rig, "/search", text="n39", limit="5000", service="s1")
    assert {line["service"] for line in found["lines"]} == {"shop/s1"}
    assert not found["more"]


def test_what_is_asked_wrong_is_said(rig: Rig) -> None:
    for query in (
        {"limit": "0"},
        {"limit": "x"},
        {"from": "yesterday"},
        {"direction": "up"},
        {"level": "loud"},
        {"q": "1"},
    ):
        with pytest.raises(BadInput):
            ask(rig, "/search", **query)


def test_the_oldest_go_by_bytes_and_their_streams_with_them(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "logs", tmp_path / "engine", FakeClock(), retention_bytes=4 << 20)
    luck = random.Random(1)
    for turn in range(40):
        stream = rig.store.stream("file", f"{turn // 8:064x}", f"c{turn // 8}", "")
        rig.store.add(stream, [Line(START + turn, 0, luck.randbytes(150_000).hex().encode())])
        assert rig.store.commit({})
    size = sum(path.stat().st_size for path in (tmp_path / "logs").glob("*.seg"))
    assert 2 << 20 < size <= 4 << 20
    assert rig.counters.get(stats.STORED) <= 4 << 20
    names = {stream.name for stream in rig.store.streams.values()}
    assert "c0" not in names
    assert "c4" in names
    rig.crash()


def test_the_oldest_go_by_age(tmp_path: Path) -> None:
    clock = FakeClock()
    rig = Rig(tmp_path / "logs", tmp_path / "engine", clock, retention=3600)
    for turn in range(20):
        rig.store.add(rig.store.stream("file", "a" * 64, "a", ""), [Line(START + turn, 0, f"{turn}".encode())])
        assert rig.store.commit({})
        clock.advance(600)
    assert rig.lines() == [str(n) for n in range(20 - len(rig.lines()), 20)]
    assert 5 <= len(rig.lines()) <= 8
    rig.crash()


def test_a_damaged_segment_costs_its_block_alone(rig: Rig) -> None:
    for turn in range(3):
        rig.store.add(rig.store.stream("file", "a" * 64, "a", ""), [Line(START + turn, 0, f"{turn}".encode())])
        assert rig.store.commit({})
    path = next(rig.store.folder.glob("*.seg"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert rig.lines() == ["0", "2"]
    assert rig.counters.get(stats.DAMAGED) == 1


def test_a_damaged_catalogue_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/catalogue.db").write_bytes(b"no database" * 1000)
    rig = Rig(tmp_path / "logs", tmp_path / "engine", FakeClock())
    assert (tmp_path / "logs/damaged-1/catalogue.db").exists()
    assert rig.lines() == []
    rig.crash()


def test_evidence_outlives_the_lines_and_comes_once(tmp_path: Path) -> None:
    clock = FakeClock(START / 1e9)
    rig = Rig(tmp_path / "logs", tmp_path / "engine", clock, retention=3600)
    web, other = (rig.store.stream("file", c * 64, c, f"shop/{c}") for c in "ab")
    claim = rig.store.stream("forward", "a", "a", "")
    for n in range(600):
        for stream in (web, other, claim):
            rig.store.add(stream, [Line(START + n * SECOND // 4, 0, f"{stream.name} {stream.origin} {n}".encode())])
    assert rig.store.commit({})
    clock.advance(200)
    follower = Follower(RoleClient(tmp_path / "none", "healer"), rig.store, clock, rig.counters)
    heard: list[int] = []
    follower.heard = lambda record: heard.append(record["seq"])
    record = {"kind": "outcome", "seq": 7, "at": START / 1e9 + 100, "incident": "inc", "target": "a" * 64, "name": "a"}
    for _ in range(2):
        follower.take(record)
    follower.take({"kind": "decision", "seq": 8, "at": START / 1e9 + 101, "incident": "inc", "target": "a" * 64})
    assert heard == [7, 7, 8]
    for _ in range(10):
        clock.advance(3600)
        rig.store.add(rig.store.stream("file", "c" * 64, "c", ""), [Line(START, 0, b"new")])
        assert rig.store.commit({})
    assert not any("file" in text for text in rig.lines())
    found = json.loads(rig.store.catalogue.evidence("inc")[0])
    assert len(rig.store.catalogue.evidence("inc")) == 1
    texts = [line["text"] for line in found["lines"]]
    assert texts == [f"a file {n}" for n in range(70 * 4, 103 * 4)]
    assert len(texts) <= MOST_LINES
    rig.crash()


def test_readers_of_the_tail_are_bounded_and_told(rig: Rig) -> None:
    tails = Tails(rig.counters)
    stream = rig.store.stream("file", "a" * 64, "a", "")
    slow = tails.follow(lambda _stream, _line: True, beat=0.01)
    for _ in range(MOST_READERS - 1):
        tails.follow(lambda _stream, _line: False)
    with pytest.raises(Temporary):
        tails.follow(lambda _stream, _line: True)
    tails.hand(stream, [Line(n, 0, b"x") for n in range(5000)])
    assert next(slow) == 3000
    assert next(slow) == (stream, Line(0, 0, b"x"))
    assert rig.counters.get(stats.DROPPED, what="tail") == 3000
    tails.stop()


def test_events_never_wait(rig: Rig) -> None:
    events = Events("127.0.0.1:1", "paramedic", rig.counters)
    begun = time.monotonic()
    for seq in range(1500):
        events.hand({"seq": seq, "kind": "closed", "at": 1.0})
    assert time.monotonic() - begun < 10.0
    assert rig.counters.get(stats.DROPPED, what="events") == 500
    events.stop()


def test_memory_is_bounded_while_much_is_taken_in(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "logs", tmp_path / "engine", FakeClock())
    stream = rig.store.stream("file", "a" * 64, "a", "")
    tracemalloc.start()
    for turn in range(16):
        rig.store.add(stream, [Line(START + turn, 0, f"{turn} {n} some words of a line".encode()) for n in range(3000)])
        if rig.store.full:
            assert rig.store.commit({})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    rig.crash()


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (b'{"level":"error","msg":"x"}', 5),
        (b"time=1 level=warn msg=x", 4),
        (b"2026-01-02 03:04:05 ERROR it broke", 5),
        (b"[info] up", 3),
        (b"<Warning> x", 4),
        (b"FATAL: no", 6),
        (b"no error here", 0),
        (b"terror", 0),
        (b"ERRORS", 0),
        (b"", 0),
    ],
)
def test_levels(text: bytes, level: int) -> None:
    assert level_of(text) == level
