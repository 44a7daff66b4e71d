"""What comes to a store that has ended, and what it says after a mistake that is over."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_metrics.tsdb.store import Store
from paramedic_metrics.tsdb.wal import SEGMENT_BYTES, Wal
from support_descriptors import held_below
from support_tsdb import Rig, fill, labels
from support_wait import wait_until


def test_who_comes_late_writes_nothing_into_a_store_that_another_has(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 3)
    plan = rig.store.plan("late", rig.store.ids([labels(name="late")]))
    rig.store.stop()
    new = Store(rig.folder, rig.settings, rig.clock)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="is closed"):
            rig.store.append(plan, rig.now, np.array([1.0]))
        with pytest.raises(StoreUnavailable, match="is closed"):
            rig.store.ids([labels(name="later")])
    mine = new.plan("mine", new.ids([labels(name="mine")]))
    assert new.append(mine, rig.now, np.array([1.0])).stored == 1
    new.stop()


def test_after_a_mistake_that_is_over_it_is_ready_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "metrics")
    thin, over = rig.store.head.thin, threading.Event()

    def wrong_at_first(age: int) -> int:
        if not over.is_set():
            raise RuntimeError("a mistake of ours")
        return thin(age)

    monkeypatch.setattr(rig.store.head, "thin", wrong_at_first)
    rig.store.start()
    try:
        wait_until(lambda: "upkeep fails" in rig.store.ready().reason)
        over.set()
        wait_until(lambda: rig.store.ready().ready)
    finally:
        rig.store.stop()


def test_what_could_not_be_made_durable_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = Wal(tmp_path / "wal")
    for _ in range(3):
        wal.ready(SEGMENT_BYTES)
        wal.append(1, bytes(100))
    real, durable = os.fdatasync, set()
    broken = True

    def fdatasync(fd: int) -> None:
        if broken:
            raise OSError(5, "Input/output error")
        real(fd)
        durable.add(Path(os.readlink(f"/proc/self/fd/{fd}")).name)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    before = held_below(tmp_path)
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            wal.sync()
    assert held_below(tmp_path) == before, "descriptors are left behind"
    broken = False
    wal.sync()
    assert durable == {"00000001.wal", "00000002.wal", "00000003.wal"}
    wal.close()
