"""The reader: rotation, resuming, parts, truncation, removal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_core.clock import FakeClock
from support_logs import START, DockerLog, Rig


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "engine/containers").mkdir(parents=True)
    return tmp_path


_made: list[Rig] = []


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    while _made:
        _made.pop().crash()


def rig(place: Path, clock: FakeClock | None = None) -> Rig:
    _made.append(Rig(place / "logs", place / "engine", clock or FakeClock()))
    return _made[-1]


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"line {n}" for n in range(first, count)]


def test_lines_are_found_before_and_after_they_are_durable(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    for _ in range(5):
        log.line()
    made.turn()
    assert made.lines() == numbered(5)
    made.seal()
    log.line()
    made.turn()
    assert made.lines() == numbered(6)


@pytest.mark.parametrize("compress", [False, True])
def test_follows_rotation(place: Path, compress: bool) -> None:
    log = DockerLog(place / "engine/containers", max_size=1000, max_file=3, compress=compress)
    made = rig(place)
    for _ in range(500):
        log.line()
        made.turn()
    made.turn()
    assert log.deleted > 10
    assert made.lines() == numbered(500)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("seal_every", [1, 7])
def test_resumes_where_it_was(place: Path, compress: bool, seal_every: int) -> None:
    log = DockerLog(place / "engine/containers", max_size=1000, max_file=200, compress=compress)
    for life in range(6):
        made = rig(place)
        for step in range(15):
            log.line()
            made.turn()
            if step % seal_every == 0:
                made.seal()
        made.crash()
        for _ in range(life * 4):
            log.line()
    made = rig(place)
    made.turn(2)
    assert made.lines() == numbered(log.count)


def test_what_was_deleted_while_away_is_a_gap(place: Path) -> None:
    log = DockerLog(place / "engine/containers", max_size=1000, max_file=2)
    made = rig(place)
    for _ in range(5):
        log.line()
    made.turn()
    made.seal()
    made.crash()
    for _ in range(100):
        log.line()
    made = rig(place)
    made.turn(2)
    found = made.lines()
    gap = next(i for i, text in enumerate(found) if text.startswith("GAP"))
    assert found[:gap] == numbered(5)
    first = int(found[gap + 1].removeprefix("line "))
    assert first > 5
    assert found[gap + 1 :] == numbered(105, first)


def test_files_held_open_survive_their_deletion(place: Path) -> None:
    log = DockerLog(place / "engine/containers", max_size=1000, max_file=1)
    made = rig(place)
    made.turn()
    for n in range(200):
        log.line()
        if n % 5 == 0:
            made.turn()
    made.turn()
    assert log.deleted > 5
    assert made.lines() == numbered(200)


def test_faster_than_we_look_is_a_gap(place: Path) -> None:
    log = DockerLog(place / "engine/containers", max_size=1000, max_file=2)
    made = rig(place)
    log.line()
    made.turn()
    for _ in range(100):
        log.line()
    made.turn(2)
    found = made.lines()
    assert sum(text.startswith("GAP") for text in found) == 1
    assert "faster" in next(text for text in found if text.startswith("GAP"))


def test_copytruncate_is_noticed(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    for _ in range(20):
        log.line()
    made.turn()
    log.truncate()
    for _ in range(40):
        log.line()
    made.turn(2)
    found = made.lines()
    assert found[:20] == numbered(20)
    assert found[20].startswith("GAP")
    assert found[21:] == numbered(60, 20)


def test_parts_are_joined_across_rotation_and_crash(place: Path) -> None:
    log, clock = DockerLog(place / "engine/containers"), FakeClock()
    made = rig(place, clock)
    log.line("a" * 16384, end="")
    log.line("other", stream="stderr")
    made.turn()
    made.seal()
    made.crash()
    made = rig(place, clock)
    log.rotate()
    log.line("b" * 16384, end="")
    made.turn()
    log.line("end")
    made.turn()
    assert sorted(made.lines()) == ["a" * 16384 + "b" * 16384 + "end", "other"]


def test_a_part_without_an_end_is_kept_after_a_while(place: Path) -> None:
    log, clock = DockerLog(place / "engine/containers"), FakeClock()
    made = rig(place, clock)
    log.line("half", end="")
    made.turn()
    assert made.lines() == []
    clock.advance(6)
    made.turn()
    assert made.lines() == ["half"]


def test_a_line_beyond_measure_is_cut_and_marked(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    for _ in range(40):
        log.line("x" * 16384, end="")
    log.line("end")
    log.line("next")
    made.turn(2)
    found = made.lines()
    assert [len(text) for text in found] == [256 << 10, 4]
    assert made.counters.get("paramedic_logs_cut_lines_total") == 1


def test_a_record_written_half_waits_for_its_rest(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    log.raw(b'{"log":"half')
    made.turn()
    made.seal()
    made.crash()
    made = rig(place)
    made.turn()
    assert made.lines() == []
    log.raw(b'\\n","stream":"stdout","time":"2023-11-14T22:13:20.1Z"}\n')
    made.turn()
    assert made.lines() == ["half"]


def test_rubbish_is_counted_and_passed_over(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    log.raw(b"\0\0\0\n[1]\n{}\n" + b"[" * 5000 + b"\n" + b'{"log":1,"time":"x"}\n\n')
    log.raw(b"y" * (3 << 20) + b"\n")
    log.line("well")
    made.turn(3)
    assert [t for t in made.lines() if not t.startswith("GAP")] == ["well"]
    assert made.counters.get("paramedic_logs_malformed_total", origin="file") >= 6


def test_a_removed_container_keeps_its_lines(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    log.line()
    made.turn()
    log.line()
    log.remove()
    made.turn(2)
    assert made.lines() == numbered(2)
    assert made.store.catalogue.places() == {}
    made.crash()
    assert rig(place).lines() == numbered(2)


def test_removed_while_away_is_a_gap(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    log.line()
    made.turn()
    made.seal()
    made.crash()
    log.remove()
    made = rig(place)
    made.turn()
    assert [text[:4] for text in made.lines()] == ["line", "GAP "]
    made.seal()
    made.crash()
    made = rig(place)
    made.turn()
    assert len(made.lines()) == 2


def test_of_much_that_was_there_before_the_newest_is_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramedic_logs.sources.json_file._FIRST_MOST", 2000)
    log, made = DockerLog(place / "engine/containers"), rig(place)
    for _ in range(100):
        log.line()
    made.turn()
    found = made.lines()
    assert found[0].startswith("GAP") or found[-1].startswith("GAP")
    kept = [text for text in found if not text.startswith("GAP")]
    assert kept == numbered(100, 100 - len(kept))
    assert 5 < len(kept) < 40


def test_moments_keep_their_nanoseconds(place: Path) -> None:
    log, made = DockerLog(place / "engine/containers"), rig(place)
    log.line("one", ns=START + 123_456_789)
    log.raw(b'{"log":"two\\n","stream":"stderr","time":"2023-11-14T22:13:20.5Z"}\n')
    made.turn()
    assert made.lines(start=START + 123_456_789, end=START + 123_456_790) == ["one"]
    assert made.lines(start=START + 500_000_000, end=START + 500_000_001) == ["two"]


@pytest.mark.parametrize(("most", "note", "gap"), [(3, True, True), (99, True, False), (99, False, True)])
def test_files_that_were_deleted_before_it_was_first_seen_are_a_gap(
    place: Path, most: int, note: bool, gap: bool
) -> None:
    log = DockerLog(place / "engine/containers", max_size=300, max_file=most)
    for _ in range(30):
        log.line()
    if not note:
        (log.base.parent / "hostconfig.json").unlink()
    made = rig(place)
    made.turn(3)
    found = made.lines()
    assert found[0].startswith("GAP") == gap, "it stands before the first line that is there"
    assert [text for text in found[1:] if text.startswith("GAP")] == []
    assert found[-1] == "line 29"
