"""Damage of every kind of file: queries go on with the rest, nothing false is ever told, and a repair keeps what can be read."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_core.sys.identity import GID, UIDS
from paramedic_metrics.tsdb import aside
from paramedic_metrics.tsdb.check import check
from paramedic_metrics.tsdb.framing import Record, scan
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.repair import repair
from paramedic_metrics.tsdb.twin import COPY, NAME
from paramedic_metrics.tsdb.view import View
from support_tsdb import Rig, Samples, fill, flip, labels

_SLOW = os.environ.get("PARAMEDIC_SLOW") == "1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Samples]:
    """A store that was killed: two parts, one that was made of others, and a log with scrapes and loose samples."""
    folder = tmp_path_factory.mktemp("whole") / "metrics"
    rig = Rig(folder)
    expected: Samples = {}
    for count in (720, 300):
        expected |= fill(rig, count)
        rig.store.upkeep.seal_all()
        rig.store.upkeep.turn()
    expected |= fill(rig, 100)
    loose = rig.store.ids([labels(name="loose", i=str(i)) for i in range(30)])
    for number in range(100):
        rig.clock.advance(15)
        rig.store.write(loose, np.full(30, rig.now), np.arange(30.0) + number)
    expected = rig.samples()
    rig.store.abandon()
    assert [p.level for p in rig.store.parts.all()].count(1) >= 1, "nothing was merged"
    return folder, expected


@pytest.fixture
def store(whole: tuple[Path, Samples], tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(whole[0], tmp_path / "metrics")


def opened(folder: Path) -> Samples:
    rig = Rig(folder)
    rig.clock.advance(86400)
    try:
        return rig.samples()
    finally:
        rig.store.abandon()


def part_of(folder: Path) -> Path:
    """The largest."""
    return max((folder / "parts").glob("*.part"), key=lambda p: p.stat().st_size)


def test_a_stripe_costs_its_series_only(
    whole: tuple[Path, Samples], store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = part_of(store)
    entry = Part(path).entries[0]
    flip(path, entry.offset + entry.length - 5)
    (damage,) = check(store).damage
    before = opened(store)
    lost = whole[1].items() - before.items()
    assert not before.items() - whole[1].items()
    assert 0 < len({series for (series, _), _ in lost}) == damage.series < 20
    assert f"block 0 of {path}" in caplog.text
    original = path.read_bytes()
    (told,) = repair(store)
    assert f"{path.name}: 1 of its" in told
    assert not check(store).damage
    assert [p.read_bytes() for p in aside.kept(store)] == [original]
    assert opened(store) == before
    assert repair(store) == []


def test_a_stripe_is_left_out_of_what_is_merged_and_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    expected: Samples = {}
    for number in range(3):
        expected |= fill(rig, 200)
        rig.store.upkeep.seal_all()
        if number == 0:
            (path,) = (rig.folder / "parts").glob("*.part")
            flip(path, Part(path).entries[0].offset + Part(path).entries[0].length - 5)
    fill(rig, 200)
    rig.store.upkeep.seal_all()
    rig.clock.advance(100)
    rig.store.upkeep.turn()
    assert not path.exists(), "it was not merged"
    assert [p.name for p in aside.kept(rig.folder)] == ["00000001-0.block"]
    found = rig.samples()
    lost = {key for key in expected if key not in found}
    assert len(lost) % 200 == 0
    assert 0 < len(lost) < 200 * 20
    assert {t for _, t in lost} == set(sorted({t for _, t in expected})[:200])
    assert not check(rig.folder).damage
    rig.store.stop()


@pytest.mark.parametrize("back", [1, 20, 60])
def test_without_its_directory_all_blocks_are_found(whole: tuple[Path, Samples], store: Path, back: int) -> None:
    path = part_of(store)
    flip(path, path.stat().st_size - back)
    (damage,) = check(store).damage
    assert "can still be found in it" in damage.why
    original = path.read_bytes()
    assert opened(store) == whole[1]
    assert [p.read_bytes() for p in aside.kept(store)] == [original]
    assert not check(store).damage
    assert repair(store) == []


@pytest.mark.parametrize("keep", [0, 3, 500, 0.5, 0.98])
def test_a_cut_part(whole: tuple[Path, Samples], store: Path, keep: float) -> None:
    path = part_of(store)
    os.truncate(path, int(keep if keep > 1 else keep * path.stat().st_size))
    assert check(store).damage
    told = repair(store)
    assert path.name in told[0]
    assert not check(store).damage
    found = opened(store)
    assert not found.items() - whole[1].items()
    # The other part and the log are there.
    assert len(found) >= len(whole[1]) - 720 * 20


@pytest.mark.parametrize("seed", range(4))
def test_a_record_of_the_log_costs_64_scrapes_at_most(whole: tuple[Path, Samples], store: Path, seed: int) -> None:
    (path,) = (store / "wal").glob("*.wal")
    # What is sealed is in the log too, at its beginning.
    flip(path, random.Random(seed).randrange(path.stat().st_size * 9 // 10, path.stat().st_size))
    before = opened(store)
    lost = whole[1].items() - before.items()
    assert not before.items() - whole[1].items()
    assert lost
    for series in {series for (series, _), _ in lost}:
        assert len({t for (s, t), _ in lost if s == series}) <= 64
    told = repair(store)
    assert told[0].startswith(f"wal/{path.name}: ")
    assert not check(store).damage
    assert opened(store) == before
    assert repair(store) == []


def test_a_record_damaged_in_both_lists_of_series_costs_the_names_in_that_record(
    store: Path, whole: tuple[Path, Samples]
) -> None:
    for name in (NAME, COPY):
        flip(store / name, 40)
    found = opened(store)
    assert {series for series, _ in found} == {labels(name="loose", i=str(i)) for i in range(30)}
    assert not found.items() - whole[1].items()
    report = check(store)
    assert [d.file for d in report.damage] == ["series.log"]
    assert any("20 series have samples and no names (ids 0 to 19)" in note for note in report.notes)
    repair(store)
    assert not check(store).damage
    assert opened(store) == found
    # Their ids are never given to others.
    rig = Rig(store)
    assert rig.store.ids([labels(name="new")]).tolist() == [50]
    rig.store.stop()


@pytest.mark.parametrize("keep", [1, 8, 9, 0.5, -1])
@pytest.mark.parametrize("name", ["wal", "series.log"])
def test_a_record_that_a_kill_has_torn_is_no_damage(
    store: Path, whole: tuple[Path, Samples], caplog: pytest.LogCaptureFixture, name: str, keep: float
) -> None:
    path = next((store / "wal").glob("*.wal")) if name == "wal" else store / name
    *_, last = (item for item in scan(memoryview(path.read_bytes()), 4) if isinstance(item, Record))
    kept = int(keep * last.size) if isinstance(keep, float) else keep % last.size
    for each in [path] if name == "wal" else [path, store / COPY]:
        os.truncate(each, last.offset + kept)
    report = check(store)
    assert not report.damage
    assert any(f"ends amid a record ({kept} bytes at {last.offset})" in note for note in report.notes)
    assert repair(store) == []
    assert not View(store).damaged
    found = opened(store)
    assert not [r for r in caplog.records if r.levelno > logging.INFO]
    lost = whole[1].keys() - found.keys()
    assert lost
    if name == "wal":
        assert len({t for _, t in lost}) == 1, "more than the last record is lost"
    assert not check(store).damage


def test_a_store_in_use_is_not_repaired(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(StoreUnavailable, match="stop paramedic there first"):
        repair(tmp_path)
    rig.store.stop()


@pytest.mark.parametrize(
    ("point", "name", "at"),
    [
        ("tsdb.after_aside", "part", -20),
        ("tsdb.before_repair_part", "part", 200),
        ("tsdb.before_repair_log", "wal", 900),
        ("tsdb.before_repair_series", "series", 40),
    ],
)
def test_a_repair_that_is_killed_is_done_again(store: Path, point: str, name: str, at: int) -> None:
    found = {"part": part_of(store), "wal": next((store / "wal").glob("*.wal")), "series": store / NAME}
    path = found[name]
    flip(path, at if at > 0 else path.stat().st_size + at)
    original = path.read_bytes()
    before = opened(shutil.copytree(store, store.parent / "copy"))
    command = [sys.executable, "-m", "paramedic", "tsdb", "repair", "--data", store.parent]
    env = {**os.environ, "PARAMEDIC_FAULTS": f"{point}={store.parent / 'mark'}"}
    assert subprocess.run(command, env=env, check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == original
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert path.name in done.stdout
    assert [p.read_bytes() for p in aside.kept(store)] == [original]
    assert not check(store).damage
    assert opened(store) == before


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives the store to the hub's user")
def test_what_root_repairs_stays_the_hubs(store: Path) -> None:
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        _repaired_by_root(shutil.copytree(store, Path(folder) / "metrics"))


def _repaired_by_root(place: Path) -> None:
    for path in (place, *place.rglob("*")):
        os.chown(path, UIDS["hub"], GID)
    flip(part_of(place), 200)
    assert repair(place)
    assert {p.stat().st_uid for p in (place, *place.rglob("*"))} == {UIDS["hub"]}


def test_a_part_with_two_kinds_of_damage_is_repaired_at_once(store: Path) -> None:
    path = part_of(store)
    entry = Part(path).entries[0]
    flip(path, entry.offset + entry.length - 5)
    flip(path, path.stat().st_size - 20)
    assert len(repair(store)) == 2
    assert not check(store).damage
    assert repair(store) == []


@pytest.mark.parametrize("seed", range(60 if _SLOW else 6))
def test_flips_anywhere(whole: tuple[Path, Samples], store: Path, seed: int) -> None:
    """Ten bytes anywhere: it opens, tells nothing false, names the damage, and is repaired once and for all."""
    luck = random.Random(seed)
    files = sorted(p for p in store.rglob("*") if p.is_file() and p.name != "lock")
    hit = set()
    for _ in range(luck.choice((1, 1, 3, 10))):
        path = luck.choice(files)
        flip(path, luck.randrange(path.stat().st_size), 1 << luck.randrange(8))
        hit.add(str(path.relative_to(store)))
    named = check(store).damage
    assert {d.file for d in named} <= hit
    assert named, f"nothing was noticed in {hit}"
    found = opened(shutil.copytree(store, store.parent / "copy"))
    assert not found.items() - whole[1].items()
    repair(store)
    assert not check(store).damage
    again = opened(store)
    assert not again.items() - whole[1].items()
    assert len(again) == len(found)
    assert repair(store) == []


def test_what_comes_after_the_log_was_lost_is_there_after_the_next_start(store: Path) -> None:
    shutil.rmtree(store / "wal")
    rig = Rig(store)
    rig.clock.advance(86400)
    plan = rig.store.plan("scrape/node", rig.store.ids([labels(name="m0", job="node", i="0")]))
    before = rig.samples()
    rig.store.append(plan, rig.now, np.array([3.0]))
    found = rig.samples()
    assert len(found) == len(before) + 1
    rig.crash()
    assert rig.samples() == found
    rig.store.stop()
