"""A disk that really is full: what cannot be kept is refused in words, nothing sealed is lost, and it goes on by itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_metrics.tsdb.check import check
from support_small_disk import small_disk
from support_tsdb import Rig, Samples, bits_of, fill, flip, labels

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a tmpfs"),
]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, "4m") as place:
        yield place


@pytest.fixture
def rig(small: Path) -> Iterator[Rig]:
    rig = Rig(small / "metrics")
    yield rig
    rig.store.stop()


def full(small: Path, but: int = 0) -> Path:
    """Leave no page free, or so many bytes."""
    path = small / "filler"
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    if but:
        os.truncate(path, path.stat().st_size - but)
    return path


def scrape(rig: Rig, rows: int, value: float) -> Samples:
    names = [labels(name="wide", i=str(i)) for i in range(rows)]
    plan = rig.store.plan("scrape/wide", rig.store.ids(names))
    rig.clock.advance(15)
    rig.store.append(plan, rig.now, np.arange(rows) + value)
    return {(one, rig.now): bits_of(i + value) for i, one in enumerate(names)}


@pytest.mark.parametrize("but", [0, 8192])
def test_scrapes_are_refused_and_go_on(rig: Rig, small: Path, but: int) -> None:
    expected = fill(rig, 100)
    rig.store.upkeep.seal_all()
    expected |= fill(rig, 20) | scrape(rig, 3000, 0.5)
    filler = full(small, but)
    for value in (1.25, 2.25):
        with pytest.raises(StoreUnavailable, match=r"samples cannot be stored .* is full: free space on it"):
            scrape(rig, 3000, value)
    assert not rig.store.ready().ready
    assert "free space on it" in rig.store.ready().reason
    assert rig.store.healthy().ready
    assert rig.samples() == expected
    assert "prometheus_tsdb_wal_writes_failed_total 2\n" in rig.store.metrics()
    filler.unlink()
    expected |= scrape(rig, 3000, 3.25)
    assert rig.store.ready().ready
    assert rig.samples() == expected
    rig.crash()
    assert rig.samples() == expected
    assert not check(rig.folder).damage


def test_new_series_are_refused_and_go_on(rig: Rig, small: Path) -> None:
    expected = fill(rig, 10)
    filler = full(small)
    many = [labels(name="new", i=str(i), text=f"{i * 7919:x}") for i in range(5000)]
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"new series cannot be written down .* is full: free space on it"):
            rig.store.ids(many)
    filler.unlink()
    ids = rig.store.ids(many)
    assert len(set(ids.tolist())) == 5000
    rig.crash()
    assert rig.store.ids(many).tolist() == ids.tolist()
    assert rig.samples() == expected
    assert not check(rig.folder).damage


def test_series_that_a_rewrite_wrote_down_are_not_written_twice(rig: Rig, small: Path) -> None:
    expected = fill(rig, 10)
    filler = full(small)
    many = [labels(name="new", i=str(i), text=f"{i * 7919:x}") for i in range(5000)]
    with pytest.raises(StoreUnavailable):
        rig.store.ids(many)
    filler.unlink()
    rig.store.upkeep.series.rewrite(rig.store.index)
    later = [*many, labels(name="later")]
    ids = rig.store.ids(later)
    rig.crash()
    assert not check(rig.folder).damage
    assert rig.store.ids(later).tolist() == ids.tolist()
    assert rig.samples() == expected


def test_full_while_sealing(rig: Rig, small: Path) -> None:
    expected = fill(rig, 239) | scrape(rig, 2000, 0.1)
    luck = np.random.default_rng(1)
    wide = rig.store.plan("scrape/wide", rig.store.ids([labels(name="wide", i=str(i)) for i in range(2000)]))
    for _ in range(59):
        rig.clock.advance(15)
        values = luck.uniform(size=2000)
        rig.store.append(wide, rig.now, values)
        expected |= {(labels(name="wide", i=str(i)), rig.now): bits_of(v) for i, v in enumerate(values.tolist())}
    filler = full(small)
    with pytest.raises(OSError, match="No space left"):
        rig.store.upkeep.seal_all()
    assert rig.samples() == expected
    assert not [p for p in (rig.folder / "parts").iterdir() if p.name.startswith(".")], "something is left of it"
    rig.crash()
    assert rig.samples() == expected
    filler.unlink()
    rig.store.upkeep.seal_all()
    assert rig.store.summary().samples_sealed == len(expected)
    rig.crash()
    assert rig.samples() == expected
    assert not check(rig.folder).damage


def test_the_upkeep_says_so_and_goes_on(rig: Rig, small: Path) -> None:
    expected: Samples = {}
    for _ in range(3):
        expected |= fill(rig, 240)
        rig.store.upkeep.seal_all()
    assert {p.level for p in rig.store.parts.all()} == {0}
    filler = full(small)
    rig.clock.advance(61)
    rig.store.upkeep.turn()
    ready = rig.store.ready()
    assert not ready.ready
    assert "blocks cannot be written" in ready.reason
    assert "free space on it" in ready.reason
    assert rig.samples() == expected
    rig.crash()
    assert rig.samples() == expected
    filler.unlink()
    rig.clock.advance(61)
    rig.store.upkeep.turn()
    assert rig.store.ready().ready
    assert {p.level for p in rig.store.parts.all()} == {1}, "it was not merged"
    assert rig.samples() == expected
    assert not check(rig.folder).damage


def test_a_damaged_part_on_a_full_disk_waits(rig: Rig, small: Path) -> None:
    expected = fill(rig, 200)
    rig.store.upkeep.seal_all()
    rest = fill(rig, 10)
    (path,) = (rig.folder / "parts").glob("*.part")
    flip(path, path.stat().st_size - 20)
    filler = full(small)
    rig.crash()
    assert rest.items() <= rig.samples().items()
    assert path.exists()
    filler.unlink()
    rig.crash()
    assert rig.samples() == expected | rest
    assert not check(rig.folder).damage
