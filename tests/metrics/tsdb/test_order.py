"""Two samples of a series at one moment: the same one counts while they are in the head, sealed and merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paramedic_metrics.series import Labels
from support_tsdb import Rig, bits_of, labels

SERIES = labels(name="a")


def written(rig: Rig, *samples: tuple[int, float]) -> None:
    ids = rig.store.ids([SERIES] * len(samples))
    rig.store.write(ids, np.array([t for t, _ in samples]), np.array([v for _, v in samples]))


def regular(rig: Rig, count: int) -> int:
    """So many samples; returns the moment of the first."""
    first = rig.now
    for number in range(count):
        written(rig, (rig.now, float(number)))
        rig.clock.advance(15)
    return first


def at(rig: Rig, t: int) -> int:
    found: dict[tuple[Labels, int], int] = rig.samples()
    return found[SERIES, t]


def test_sealing_changes_no_sample(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics", out_of_order=36_000)
    first = regular(rig, 130)
    written(rig, (first - 1000, 7.0), (first + 75_000, 99.0))
    assert at(rig, first + 75_000) == bits_of(5.0)
    rig.store.upkeep.seal_all()
    assert at(rig, first + 75_000) == bits_of(5.0)
    assert at(rig, first - 1000) == bits_of(7.0)
    rig.store.stop()


def test_merging_changes_no_sample(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics", out_of_order=36_000)
    first = regular(rig, 10)
    rig.store.upkeep.seal_all()
    written(rig, (first - 1000, 7.0), (first + 75_000, 99.0))
    rig.store.upkeep.seal_all()
    for _ in range(11):
        regular(rig, 2)
        rig.store.upkeep.seal_all()
    before = rig.samples()
    assert before[SERIES, first + 75_000] == bits_of(5.0)
    rig.clock.advance(61)
    rig.store.upkeep.turn()
    assert rig.store.summary().parts < 13, "nothing was merged"
    assert rig.samples() == before
    rig.store.stop()


def test_merging_changes_no_sample_of_windows_that_are_cut_apart(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "metrics", out_of_order=36_000)
    first = regular(rig, 715)
    rig.store.upkeep.seal_all()
    later = regular(rig, 200)
    rig.store.upkeep.seal_all()
    written(rig, (first - 1000, 7.0), (later + 75_000, 99.0))
    other = rig.store.ids([labels(name="b")] * 2)
    rig.store.write(other, np.array([rig.now - 15_000, rig.now]), np.array([1.5, 2.5]))
    rig.store.upkeep.seal_all()
    before = rig.samples()
    assert before[SERIES, later + 75_000] == bits_of(5.0)
    rig.clock.advance(61)
    rig.store.upkeep.turn()
    assert rig.store.summary().parts == 1, "nothing was merged"
    assert max(entry.moments for entry in rig.store.parts.all()[0].entries) <= 720
    assert rig.samples() == before
    rig.store.stop()
