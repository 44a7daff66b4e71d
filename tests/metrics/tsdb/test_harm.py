"""What is damaged is known soon though nobody asks for it, and is said to a person: what, how much, when, what to do."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from paramedic_metrics.harm import Harm, told
from paramedic_metrics.tsdb import scrub, stats
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.repair import repair
from support_tsdb import START, Rig, fill, flip


def _stripe(path: Path, number: int = 0) -> None:
    entry = Part(path).entries[number]
    flip(path, entry.offset + entry.length - 5)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A store with one sealed part, which has a damaged stripe, and begun anew."""
    rig = Rig(tmp_path / "metrics")
    fill(rig, 240)
    rig.store.upkeep.seal_all()
    (path,) = (rig.folder / "parts").glob("*.part")
    _stripe(path)
    rig.crash()
    return rig


def test_a_damaged_block_is_found_without_a_query(rig: Rig) -> None:
    assert rig.store.harm() == []
    rig.store.upkeep.turn()
    (harm,) = rig.store.harm()
    assert harm.file == "parts/00000001.part"
    assert 0 < harm.series < 20
    assert harm.samples == harm.series * 240
    assert (harm.start, harm.end) == (1000 * START + 15_000, 1000 * START + 240 * 15_000)
    assert not harm.settled
    assert rig.store.counters.get(stats.DAMAGED) == 1
    rig.store.abandon()


def test_what_a_query_has_found_is_not_counted_again(rig: Rig) -> None:
    rig.samples()
    before = rig.store.harm()
    assert len(before) == 1
    rig.store.upkeep.turn()
    rig.samples()
    assert rig.store.harm() == before
    assert rig.store.counters.get(stats.DAMAGED) == 1
    rig.store.abandon()


def test_all_is_read_again_each_day_and_only_then(rig: Rig) -> None:
    rig.store.stop()
    repair(rig.folder)
    rig.store = type(rig.store)(rig.folder, rig.settings, rig.clock)
    rig.store.upkeep.turn()
    assert rig.store.harm() == []
    _stripe(rig.store.parts.all()[0].path)
    rig.store.upkeep.turn()
    assert rig.store.harm() == []
    rig.clock.advance(scrub.EVERY)
    rig.store.upkeep.turn()
    assert len(rig.store.harm()) == 1
    rig.store.stop()


def test_a_round_reads_a_little_at_a_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        fill(rig, 10)
        rig.store.upkeep.seal_all()
    for part in rig.store.parts.all()[1:]:
        _stripe(part.path)
    monkeypatch.setattr(scrub, "_AT_ONCE", 1)
    assert len(rig.store.harm()) == 1, "the first was found while the others were filled"
    going = scrub.Scrub(rig.store.parts, 0.0)
    for count in (2, 3):
        going.turn(1.0)
        assert len(rig.store.harm()) == count
    rig.store.abandon()


def test_a_round_holds_no_part_that_is_removed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its space on the disk is free only when nobody has it open."""
    for _ in range(2):
        fill(rig, 10)
        rig.store.upkeep.seal_all()
    parts = rig.store.parts
    _stripe(parts.all()[1].path)
    monkeypatch.setattr(scrub, "_AT_ONCE", 1)
    going = scrub.Scrub(parts, 0.0)
    going.turn(1.0)
    gone = weakref.ref(parts.all()[0])
    parts.remove(parts.all()[0])
    gc.collect()
    assert gone() is None
    before = len(rig.store.harm())
    going.turn(2.0)
    assert len(rig.store.harm()) == before + 1, "the others are read still"
    going.turn(3.0)
    rig.store.abandon()


def test_a_round_of_any_size_ends_before_the_next(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(9):
        fill(rig, 10)
        rig.store.upkeep.seal_all()
    parts = rig.store.parts
    for part in parts.all()[1:]:
        _stripe(part.path)
    monkeypatch.setattr(scrub, "_AT_ONCE", 1)
    monkeypatch.setattr(scrub, "EVERY", 6.0)
    going = scrub.Scrub(parts, 0.0)
    for second in range(3):
        going.turn(float(second))
    assert len(rig.store.harm()) == len(parts.all()) == 10
    rig.store.abandon()


def test_what_was_merged_is_still_said_and_needs_no_repair(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    for number in range(3):
        fill(rig, 240)
        rig.store.upkeep.seal_all()
        if number == 0:
            _stripe(rig.store.parts.all()[0].path)
    rig.clock.advance(100)
    rig.store.upkeep.turn()
    (harm,) = rig.store.harm()
    assert harm.settled
    assert "is kept in the folder damaged" in told([harm])
    rig.clock.advance(rig.settings.retention)
    assert rig.store.harm() == [], "it would be gone by now"
    rig.store.stop()


def test_a_part_without_its_directory_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 100)
    rig.store.upkeep.seal_all()
    (path,) = (rig.folder / "parts").glob("*.part")
    flip(path, path.stat().st_size - 20)
    rig.crash()
    (harm,) = rig.store.harm()
    assert harm.settled
    assert "its directory, and its blocks but 1 that were found again" in told([harm])
    rig.store.stop()


def test_a_damaged_log_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 20)
    rig.store.abandon()
    (path,) = (rig.folder / "wal").glob("*.wal")
    flip(path, path.stat().st_size // 2)
    rig.store = type(rig.store)(rig.folder, rig.settings, rig.clock)
    assert f"wal/{path.name}: what came in last before a start, in " in told(rig.store.harm())
    rig.store.stop()


def test_the_words() -> None:
    assert told([]) == ""
    block = Harm("parts/1.part", samples=1440, series=6, start=1_700_000_000_000, end=1_700_003_600_000)
    said = told([block, block, Harm("series.log", "the names of series in 9 bytes")], " --data /d")
    assert (
        "parts/1.part: up to 2,880 samples of 12 series, 2023-11-14 22:13 to 23:13 UTC; "
        "series.log: the names of series in 9 bytes. `paramedic tsdb check --data /d` names each place; "
        "with paramedic stopped, `paramedic tsdb repair --data /d` sets it aside"
    ) in said
    many = told([Harm(f"parts/{i}.part", samples=1, series=1, start=1, end=2) for i in range(1000)])
    assert "and 997 more files" in many
    assert len(many) < 600
    assert len(told([Harm("series.log", f"the names of series in {i} bytes") for i in range(1000)])) < 600
