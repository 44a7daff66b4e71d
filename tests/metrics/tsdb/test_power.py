"""A power cut takes at most the last ten seconds: what was not made durable is gone, and the rest is whole."""

from __future__ import annotations

import errno
import itertools
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.clock import FakeClock
from paramedic_metrics.tsdb import merge, seal, upkeep, wal, window
from support_power import Power
from support_tsdb import Rig, Samples, bits_of, fill, labels
from support_wait import wait_until

MOST_LOST = 10_000


def test_a_part_that_cannot_be_made_durable_is_not_there_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "metrics")
    expected = fill(rig, 50)
    folder = rig.folder / "parts"
    with failing(folder, monkeypatch), pytest.raises(OSError, match="Input/output error"):
        rig.store.upkeep.seal_all()
    assert list(folder.iterdir()) == []
    assert rig.samples() == expected
    rig.store.upkeep.seal_all()
    rig.crash()
    assert rig.store.summary().samples_sealed == len(expected)
    assert rig.samples() == expected
    rig.store.stop()


@pytest.fixture
def power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Power]:
    (tmp_path / "metrics").mkdir()
    power = Power(tmp_path / "metrics", monkeypatch)
    yield power
    power.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows, segments and parts after a few seconds."""
    for module, name, value in (
        (window, "WIDE", 8), (seal, "SEAL_MOMENTS", 16), (seal, "IDLE", 60.0), (wal, "SEGMENT_BYTES", 8 << 10),
        (merge, "WINDOW", 40), (merge, "ENOUGH", (2, 2)), (upkeep, "SEAL_EVERY", 20.0), (upkeep, "CLEAN_EVERY", 10.0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def test_series_go_to_the_list_that_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 1)
    with failing(rig.folder, monkeypatch), pytest.raises(OSError, match="Input/output error"):
        rig.store.upkeep.series.rewrite(rig.store.index)
    rig.store.ids([labels(name="later")])
    rig.crash()
    assert rig.store.index.find(labels(name="later")) == 20
    rig.store.stop()


@contextmanager
def failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder that the disk does not make durable; files it does."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{fd}")) == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(6))
def test_ten_seconds_at_most(tmp_path: Path, power: Power, seed: int) -> None:
    """Scrapes each second, new series each 30; the power is cut again and again, and once more in the life after."""
    luck = random.Random(seed)
    rig = Rig(tmp_path / "metrics")
    expected: Samples = {}
    last: dict[object, int] = {}
    for second in range(400):
        rig.clock.advance(1)
        names = [*(labels(name=f"m{i}") for i in range(10)), labels(name="new", i=str(second // 30))]
        values = [float(second * i) for i in range(10)] + [1.5]
        plan = rig.store.plan("scrape/a", rig.store.ids(names))
        rig.store.append(plan, rig.now, np.array(values))
        for one, value in zip(names, values, strict=True):
            expected[one, rig.now] = bits_of(value)
            last[one] = rig.now
        rig.store.upkeep.turn()
        if luck.random() < 0.04:
            power.cut(tmp_path / str(second))
            survives(tmp_path / str(second), rig, expected)
    assert rig.store.parts.all()
    rig.store.abandon()


def survives(folder: Path, before: Rig, expected: Samples) -> None:
    after = Rig(folder)
    after.clock.advance(before.clock.now() - after.clock.now())
    found = after.samples()
    assert not found.items() - expected.items(), "something is there that was never written"
    lost = expected.keys() - found.keys()
    assert all(t > before.now - MOST_LOST for _, t in lost), min(before.now - t for _, t in lost)
    # And it goes on: a series that was lost is not taken for another.
    new = labels(name="after")
    after.store.append(after.store.plan("after", after.store.ids([new])), after.now, np.array([7.0]))
    after.store.upkeep.seal_all()
    after.crash()
    assert after.samples() == found | {(new, after.now): bits_of(7.0)}
    after.store.abandon()


def test_it_is_made_durable_whatever_the_upkeep_is_at(
    tmp_path: Path, power: Power, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SYNC_EVERY", 0.05)
    monkeypatch.setattr(FakeClock, "wait", lambda _, event, timeout: event.wait(min(timeout, 0.02)))
    rig = Rig(tmp_path / "metrics")
    rig.store.start()
    # As amid a merge that takes long.
    with rig.store.upkeep._lock:
        ids = rig.store.ids([labels(name="a")])
        rig.store.append(rig.store.plan("a", ids), rig.now, np.array([7.0]))
        tries = itertools.count()

        def durable() -> bool:
            left = tmp_path / str(next(tries))
            power.cut(left)
            after = Rig(left)
            found = after.samples()
            after.store.abandon()
            return found == {(labels(name="a"), rig.now): bits_of(7.0)}

        wait_until(durable, within=20, every=0.1)
    rig.store.stop()


def test_the_real_calls_are_made(tmp_path: Path, power: Power) -> None:
    """The watch itself: what was written and not made durable is gone."""
    folder = tmp_path / "metrics"
    with (folder / "a").open("wb") as file:
        file.write(b"one")
        file.flush()
        os.fsync(file.fileno())
        file.write(b"two")
    (folder / "b").write_bytes(b"x")
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    (folder / "c").write_bytes(b"x")
    power.cut(tmp_path / "left")
    assert {p.name: p.read_bytes() for p in (tmp_path / "left").iterdir()} == {"a": b"one", "b": b""}
