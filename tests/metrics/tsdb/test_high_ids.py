"""Ids that no store has given: they are damage, and take no memory; those that one may have given in years take little."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paramedic_core.errors import BadInput, LimitExceeded
from paramedic_metrics.tsdb import block, part, records
from paramedic_metrics.tsdb.check import check
from paramedic_metrics.tsdb.dump import dump
from paramedic_metrics.tsdb.index import MOST_IDS, Fresh, Index
from paramedic_metrics.tsdb.part import Part
from paramedic_metrics.tsdb.serieslog import SeriesLog
from paramedic_metrics.tsdb.view import View
from paramedic_metrics.tsdb.wal import Wal
from support_tsdb import Rig, Samples, bits_of, fill, labels

HIGH = (1 << 32) - 5
NAME = labels(name="high")


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Six gigabytes on top of what the process has: for ids of 32 bits it would want 32."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    have = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (have + (6 << 30), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("where", ["series.log", "layout", "cells"])
def test_records_with_an_id_that_no_store_gives_are_damage(tmp_path: Path, where: str) -> None:
    rig = Rig(tmp_path / "metrics")
    expected = fill(rig, 20)
    rig.store.stop()
    ids, values = np.array([3, HIGH], np.uint32), np.ones(2)
    if where == "series.log":
        log = SeriesLog(rig.folder, Index(1000))
        log.append([HIGH], [NAME])
        log.close()
    else:
        log = Wal(rig.folder / "wal")
        log.ready(1000)
        if where == "cells":
            log.append(records.CELLS, records.pack_cells(records.Cells(True, "g", rig.now, ids, values)))
        else:
            log.append(records.LAYOUT, records.pack_layout(records.Layout(99, False, "g", ids)))
        log.close()
    (damage,) = check(rig.folder).damage
    if where != "series.log":
        assert f"a series of id {HIGH}, and no store gives one beyond {MOST_IDS - 1}" in damage.why
    assert len(list(dump(View(rig.folder), [], 0, 1 << 60))) == len(expected) + 1
    again = Rig(rig.folder)
    assert again.samples() == expected
    again.clock.advance(1000)
    again_expected = expected | one(again)
    assert again.samples() == again_expected
    again.store.stop()


def test_a_block_with_such_an_id_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "00000001.part"
    ids, times = np.array([3, HIGH], np.uint32), np.arange(2)
    part.write(path, [part.Content(1, ids, times, np.ones((2, 2)), 4)], {})
    with pytest.raises(BadInput):
        block.Block(Part(path).bytes_of(0))
    assert "no store gives" in Part(path).list_damage()


def test_ids_that_are_used_up_are_refused_in_words() -> None:
    index, fresh = Index(10), Fresh()
    index.put(MOST_IDS - 2, labels(name="old"))
    assert index.add([labels(name="a")], fresh) == [MOST_IDS - 1]
    with pytest.raises(LimitExceeded, match=f"all {MOST_IDS} ids of series are used up: move the metrics' folder away"):
        index.add([labels(name="b")], fresh)


def test_a_store_with_years_of_series_behind_it_takes_no_memory_for_them(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    log = SeriesLog(tmp_path / "metrics", Index(10))
    log.append([MOST_IDS // 2], [labels(name="old")])
    log.close()
    before = resident()
    rig = Rig(tmp_path / "metrics")
    expected = one(rig)
    assert rig.samples() == expected
    assert resident() - before < 64 << 20
    rig.store.stop()


def one(rig: Rig) -> Samples:
    """A scrape of a new series."""
    rig.store.append(rig.store.plan("new", rig.store.ids([labels(name="new")])), rig.now, np.array([2.5]))
    return {(labels(name="new"), rig.now): bits_of(2.5)}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
