"""What is damaged is named: file, place, time and series; and a store in use is left alone."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_metrics.tsdb.check import Damage, check
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.repair import repair
from paramedic_metrics.tsdb.view import View
from support_tsdb import Rig, fill, flip, labels


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "metrics")
    yield rig
    rig.store.stop()


def test_all_is_well_beside_a_store_in_use_and_nothing_is_written(rig: Rig) -> None:
    fill(rig, 200)
    rig.store.upkeep.seal_all()
    fill(rig, 5)
    before = state(rig.folder)
    report = check(rig.folder)
    assert state(rig.folder) == before
    assert not report.damage
    assert not report.notes
    assert (report.parts, report.samples, report.series) == (1, 200 * 20, 20)
    assert report.records >= 206
    assert report.open_by


def test_a_store_that_is_closed_is_not_in_use(rig: Rig) -> None:
    fill(rig, 5)
    rig.store.stop()
    assert check(rig.folder).open_by == ""


def test_a_second_one_cannot_open_it(rig: Rig) -> None:
    with pytest.raises(StoreUnavailable, match=r"process \d+ has the store .* open: stop paramedic"):
        Rig(rig.folder)


def test_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there are no metrics in .*nowhere"):
        check(tmp_path / "nowhere")


def test_a_stripe_is_named_with_its_series_and_time(rig: Rig) -> None:
    path = sealed(rig, 200)
    entry = Part(path).entries[0]
    flip(path, entry.offset + entry.length - 5)
    (damage,) = found(rig, path)
    assert damage.what == "block 0"
    assert (damage.offset, damage.length, damage.start, damage.end) == (
        entry.offset, entry.length, entry.tmin, entry.tmax,
    )  # fmt: skip
    assert damage.series is not None
    assert 0 < damage.series < 20
    assert damage.samples == 200 * damage.series
    assert "stripes: a column's checksum is wrong" in damage.why


def test_a_blocks_head_is_named(rig: Rig) -> None:
    path = sealed(rig, 200)
    flip(path, Part(path).entries[0].offset + 20)
    (damage,) = found(rig, path)
    assert (damage.what, damage.series, damage.samples) == ("block 0", 20, 4000)


@pytest.mark.parametrize("back", [1, 20, 60])
def test_a_directory_is_named(rig: Rig, back: int) -> None:
    path = sealed(rig, 200)
    flip(path, path.stat().st_size - back)
    (damage,) = found(rig, path)
    assert (damage.what, damage.length) == ("directory", path.stat().st_size)


def test_records_of_the_log_are_named_with_the_time_between(rig: Rig) -> None:
    moments = sorted({t for _, t in fill(rig, 50)})
    rig.store.stop()
    (path,) = (rig.folder / "wal").glob("*.wal")
    flip(path, path.stat().st_size // 2)
    (damage,) = found(rig, path)
    assert damage.start in moments
    assert damage.end is None
    assert "records that say only what changed since" in damage.why


def test_the_names_of_series_are_missed(rig: Rig) -> None:
    sealed(rig, 200)
    more = [labels(name="more", i=str(i)) for i in range(7)]
    rig.store.append(rig.store.plan("more", rig.store.ids(more)), rig.now, np.ones(7))
    rig.store.upkeep.seal_all()
    rig.store.stop()
    path = rig.folder / "series.log"
    for each in (path, rig.folder / "series.copy"):
        flip(each, path.stat().st_size - 3)
    (record,) = found(rig, path)
    assert (record.what, record.series, record.why) == ("record", None, "series after id 19 are not known by name")
    (note,) = check(rig.folder).notes
    assert note.startswith("7 series have samples and no names (ids 20 to 26)")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("name", ["parts/00000007.part", "wal/00000009.wal", "series.log", "series.copy"])
def test_what_is_no_file_is_moved_out_of_the_way_by_a_repair(rig: Rig, name: str, make: Callable[[Path], None]) -> None:
    path = rig.folder / name
    expected = fill(rig, 20)
    rig.store.stop()
    path.unlink(missing_ok=True)
    make(path)
    told = repair(rig.folder)
    assert told[0] == f"{name} was no file of the store: it is kept as damaged/{path.name}"
    assert (rig.folder / "damaged" / path.name).exists()
    assert not check(rig.folder).damage
    assert repair(rig.folder) == []
    again = Rig(rig.folder)
    assert again.samples() == expected
    again.store.stop()


def test_a_view_counts_a_damaged_part_once(rig: Rig) -> None:
    path = sealed(rig, 200)
    rig.store.stop()
    flip(path, path.stat().st_size - 20)
    assert View(rig.folder).damaged == 1


@pytest.mark.parametrize("name", ["parts/00000007.part", "wal/00000009.wal", "series.log"])
def test_what_is_no_file_is_named_and_not_waited_for(rig: Rig, name: str) -> None:
    path = rig.folder / name
    expected = fill(rig, 20)
    rig.store.stop()
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    (damage,) = found(rig, path)
    assert (damage.what, damage.why) == ("file", "is a FIFO, not a file of the store: move it out of the way")
    if name == "series.log":
        with pytest.raises(StoreUnavailable, match=r"series\.log is a FIFO"):
            Rig(rig.folder)
        return
    assert View(rig.folder).damaged
    again = Rig(rig.folder)
    assert again.samples() == expected
    again.store.stop()


def test_a_socket_among_the_parts_is_named(rig: Rig) -> None:
    path = rig.folder / "parts/00000007.part"
    rig.store.stop()
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(path))
        (damage,) = found(rig, path)
    assert damage.why.startswith("is a socket")
    repair(rig.folder)
    assert not check(rig.folder).damage


def found(rig: Rig, path: Path) -> list[Damage]:
    damage = check(rig.folder).damage
    assert {d.file for d in damage} == {str(path.relative_to(rig.folder))}
    return damage


def sealed(rig: Rig, count: int) -> Path:
    """One part."""
    fill(rig, count)
    rig.store.upkeep.seal_all()
    (path,) = (rig.folder / "parts").glob("*.part")
    return path


def state(folder: Path) -> dict[Path, tuple[str, int]]:
    return {
        p: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()
    }
