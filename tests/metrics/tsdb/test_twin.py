"""The list of series is kept twice: no damage of one file loses a name, and nothing false comes of two that differ."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_metrics.series import Labels
from paramedic_metrics.tsdb import serieslog, twin
from paramedic_metrics.tsdb.check import check
from paramedic_metrics.tsdb.framing import Record, scan
from paramedic_metrics.tsdb.index import Index
from paramedic_metrics.tsdb.repair import repair
from paramedic_metrics.tsdb.serieslog import SeriesLog
from paramedic_metrics.tsdb.twin import COPY, NAME, read_both
from paramedic_metrics.tsdb.view import View
from support_tsdb import Rig, fill, flip, labels

_SLOW = os.environ.get("PARAMEDIC_SLOW") == "1"
_MOST = 4096


def named(folder: Path) -> dict[int, Labels]:
    """Every series that a start finds."""
    index = Index(1 << 20)
    log = SeriesLog(folder, index)
    log.close()
    assert log.damage == []
    return {int(n): index.labels(int(n)) for n in index.all()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, Labels]]:
    """A closed store, its list of series rewritten once and appended to: records of one series and of hundreds."""
    folder = tmp_path_factory.mktemp("whole") / "metrics"
    rig = Rig(folder)
    luck = random.Random(1)
    for step in range(60):
        count = luck.choice((1, 1, 3, 400))
        rig.store.ids([labels(name="m", step=str(step), i=str(i), noise=f"{luck.random()}") for i in range(count)])
        if step == 20:
            rig.store.upkeep.series.rewrite(rig.store.index)
    rig.store.stop()
    return folder, named(folder)


@pytest.fixture
def store(whole: tuple[Path, dict[int, Labels]], tmp_path: Path) -> Path:
    return shutil.copytree(whole[0], tmp_path / "metrics")


def test_both_have_the_same_bytes(whole: tuple[Path, dict[int, Labels]]) -> None:
    folder, names = whole
    data = (folder / NAME).read_bytes()
    assert (folder / COPY).read_bytes() == data
    assert len(data) > 10 * _MOST
    assert len(names) > 2_000


@pytest.mark.parametrize("name", [NAME, COPY])
@pytest.mark.parametrize("seed", range(200 if _SLOW else 8))
def test_no_stretch_of_one_file_holds_a_name_alone(
    whole: tuple[Path, dict[int, Labels]], store: Path, name: str, seed: int
) -> None:
    luck = random.Random(f"{name} {seed}")
    path = store / name
    original = path.read_bytes()
    size = luck.choice((1, 2, luck.randrange(1, _MOST), _MOST))
    at = luck.choice((0, len(original) - size, luck.randrange(len(original) - size)))
    kind = luck.choice((bytes(size), b"\xff" * size, luck.randbytes(size), original[: at + size][:size].rjust(size)))
    damaged = original[:at] + kind + original[at + size :]
    if luck.random() < 0.1:
        damaged = original[: at or 1]  # cut
    path.write_bytes(damaged)
    assert bytes(read_both(store).data) == original
    report = check(store)
    if damaged != original and len(damaged) == len(original):
        assert {d.file for d in report.damage} == {name}
        assert all(d.samples == 0 and "no name is lost" in d.why for d in report.damage)
    mended = shutil.copytree(store, store.parent / "repaired")
    told = repair(mended)
    assert (mended / NAME).read_bytes() == (mended / COPY).read_bytes() == original
    assert repair(mended) == []
    assert not check(mended).damage
    if report.damage:
        assert told[0].startswith(f"{name}: ")
        assert [p.read_bytes() for p in (mended / "damaged").iterdir()] == [damaged]
    assert View(store).index.all().tolist() == list(whole[1])
    assert named(store) == whole[1]
    # A start mends it too.
    assert (store / NAME).read_bytes() == (store / COPY).read_bytes() == original
    assert not check(store).damage


def test_two_damages_in_different_places_lose_nothing(whole: tuple[Path, dict[int, Labels]], store: Path) -> None:
    size = (store / NAME).stat().st_size
    flip(store / NAME, size // 4)
    flip(store / COPY, size // 2)
    assert {d.file for d in check(store).damage} == {NAME, COPY}
    assert named(store) == whole[1]


@pytest.mark.parametrize("gone", [NAME, COPY])
def test_one_file_is_enough(whole: tuple[Path, dict[int, Labels]], store: Path, gone: str) -> None:
    data = (store / gone).read_bytes()
    (store / gone).unlink()
    assert not check(store).damage
    assert named(store) == whole[1]
    assert (store / gone).read_bytes() == data


def test_where_no_copy_can_be_made_one_file_goes_on_and_the_copy_comes_later(
    whole: tuple[Path, dict[int, Labels]],
    store: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (store / COPY).unlink()
    (store / COPY).mkdir()
    rig = Rig(store)
    assert "has no copy now" in caplog.text
    (new,) = rig.store.ids([labels(name="new")]).tolist()
    rig.store.upkeep.sync()
    assert (store / COPY).is_dir()
    (store / COPY).rmdir()
    monkeypatch.setattr(rig.store.upkeep.series, "_copy_after", 0.0)
    rig.store.upkeep.sync()
    rig.store.ids([labels(name="newer")])
    rig.store.stop()
    assert (store / NAME).read_bytes() == (store / COPY).read_bytes()
    assert named(store) == whole[1] | {new: labels(name="new"), new + 1: labels(name="newer")}


def test_a_damage_that_could_not_be_mended_at_the_start_is_not_copied(
    whole: tuple[Path, dict[int, Labels]], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is damaged, the copy lacks the last record, and the disk is full for a while."""
    data = memoryview((store / NAME).read_bytes())
    last = [item.offset for item in scan(data, len(twin.MAGIC)) if isinstance(item, Record)][-1]
    os.truncate(store / COPY, last)
    flip(store / NAME, len(data) // 4)
    write, full = serieslog.write_atomic, True

    def write_(path: Path, data: bytes) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(serieslog, "write_atomic", write_)
    rig = Rig(store)
    (new,) = rig.store.ids([labels(name="new")]).tolist()
    full = False
    log = rig.store.upkeep.series
    monkeypatch.setattr(log, "_copy_after", 0.0)
    log.sync()
    assert (store / NAME).read_bytes() == (store / COPY).read_bytes()
    rig.store.ids([labels(name="newer")])
    rig.store.stop()
    assert (store / NAME).read_bytes() == (store / COPY).read_bytes()
    assert named(store) == whole[1] | {new: labels(name="new"), new + 1: labels(name="newer")}


def test_a_copy_of_another_time_mixes_nothing_up(whole: tuple[Path, dict[int, Labels]], store: Path) -> None:
    """As a crash between the rewriting of the two leaves it; and then the file is damaged."""
    old = (store / COPY).read_bytes()
    index = Index(1 << 20)
    log = SeriesLog(store, index)
    alive = [n % 2 == 0 for n in range(index.next)]
    log.rewrite(index.without(np.array(alive)))
    log.close()
    (store / COPY).write_bytes(old)
    expected = {n: one for n, one in whole[1].items() if n % 2 == 0}
    assert not check(store).damage
    copy = shutil.copytree(store, store.parent / "copy")
    flip(copy / NAME, (copy / NAME).stat().st_size // 2)
    index = Index(1 << 20)
    for _ in serieslog.load(read_both(copy).data, index):
        pass
    assert all(index.labels(int(n)) == whole[1][int(n)] for n in index.all())
    assert named(store) == expected
    assert (store / COPY).read_bytes() == (store / NAME).read_bytes()


def test_after_a_rewrite_whose_file_could_not_be_opened_nothing_goes_to_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 3)
    log, opened = rig.store.upkeep.series, os.open
    failing = True

    def open_(path: object, flags: int, *rest: int, **more: int) -> int:
        if failing and path == log.path and flags & os.O_WRONLY:
            raise OSError(errno.EMFILE, "too many open files")
        return opened(path, flags, *rest, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(serieslog.os, "open", open_)
    with pytest.raises(OSError, match="too many open files"):
        log.rewrite(rig.store.index)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        rig.store.ids([labels(name="early")])
    failing = False
    rig.store.ids([labels(name="late")])
    rig.store.upkeep.sync()
    expected = {int(n): rig.store.index.labels(int(n)) for n in rig.store.index.all()}
    assert (rig.folder / NAME).read_bytes() == (rig.folder / COPY).read_bytes()
    rig.store.stop()
    found = named(rig.folder)
    assert found == expected
    assert {labels(name="early"), labels(name="late")} <= set(found.values())


@pytest.mark.parametrize("name", [NAME, COPY])
def test_a_bad_sector_loses_nothing(
    whole: tuple[Path, dict[int, Labels]], store: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, pread, inode = (store / name).read_bytes(), os.pread, (store / name).stat().st_ino
    bad = range(8192, 12288)

    def failing(fd: int, size: int, at: int) -> bytes:
        if os.fstat(fd).st_ino == inode and at < bad.stop and at + size > bad.start:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, size, at)

    monkeypatch.setattr(twin.os, "pread", failing)
    assert {d.file for d in check(store).damage} == {name}
    assert named(store) == whole[1]
    assert (store / name).stat().st_ino != inode, "it lies on the bad sector still"
    assert (store / NAME).read_bytes() == (store / COPY).read_bytes() == data
    assert not check(store).damage


def test_a_disk_that_reads_nothing_is_not_tried_for_ever(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def failing(_fd: int, _size: int, at: int) -> bytes:
        calls.append(at)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    os.truncate(store / NAME, 10 << 20)
    monkeypatch.setattr(twin.os, "pread", failing)
    with pytest.raises(OSError, match="Input/output error"):
        twin.read(store / NAME)
    assert len(calls) < 100
