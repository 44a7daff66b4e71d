"""kill -9 of a process that writes, at each fault point and at random: what was acknowledged is there, bit for bit."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paramedic_metrics.tsdb.check import check
from support_repo import ROOT
from support_tsdb_life import Life, verify

POINTS = (
    "tsdb.after_segment", "tsdb.after_log", "tsdb.after_log_cells", "tsdb.after_sync", "tsdb.before_series_copy",
    "tsdb.after_series", "tsdb.after_series_rewrite", "tsdb.before_part_sync", "tsdb.before_part_rename", "tsdb.after_part_rename",
    "tsdb.before_swap", "tsdb.before_log_drop", "tsdb.after_merge_swap",
)  # fmt: skip
AMID_MERGE = ("tsdb.before_part_sync", "tsdb.before_part_rename", "tsdb.after_part_rename")
LIVES = 50
STEPS = 20
"""That a life writes at least."""
SEALED = 3
"""After each so-manieth life its log is sealed: the lives are too short for that, and would only read ever longer logs."""


@pytest.fixture
def live() -> Iterator[Callable[..., Life]]:
    """Begins lives; none outlives the test."""
    lives: list[Life] = []

    def begin(*given: object) -> Life:
        lives.append(Life(*given))  # type: ignore[arg-type]
        return lives[-1]

    yield begin
    for life in lives:
        life.end()


def test_every_point_is_tried() -> None:
    found: set[str] = set()
    for file in (ROOT / "metrics").rglob("*.py"):
        found |= set(re.findall(r'\bfault\("([a-z_.]+)"\)', file.read_text()))
    # A repair is killed in test_damage.py.
    assert found == {
        *POINTS,
        "tsdb.after_aside",
        "tsdb.before_repair_part",
        "tsdb.before_repair_log",
        "tsdb.before_repair_series",
    }


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(live: Callable[..., Life], tmp_path: Path, point: str) -> None:
    died_at(live, tmp_path, point, None)


@pytest.mark.parametrize("point", AMID_MERGE)
def test_killed_amid_a_merge_at(live: Callable[..., Life], tmp_path: Path, point: str) -> None:
    died_at(live, tmp_path, point, tmp_path / "marks")


def died_at(live: Callable[..., Life], folder: Path, point: str, marks: Path | None) -> None:
    """One life up to the point; one more, for what the first has left must be gone on with; then all is compared."""
    store = folder / "metrics"
    # The second process gets ready while the first one lives.
    first, second = live(store, "turns", point, marks), live(store, "turns")
    first.begin(0)
    following = verify(store, first.ended())
    second.begin(following)
    second.until(following + 100)
    verify(store, second.kill())
    assert not check(store).damage


def test_fifty_kills_at_random_under_load(live: Callable[..., Life], tmp_path: Path) -> None:
    seed = int(os.environ.get("PARAMEDIC_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"PARAMEDIC_TEST_SEED={seed}")
    luck = random.Random(seed)
    store, following = tmp_path / "metrics", 0
    coming = live(store, "load")
    for number in range(LIVES):
        life, coming = coming, live(store, "load")
        life.begin(following)
        life.until(following + STEPS)
        time.sleep(luck.uniform(0, 0.25))
        following = verify(store, life.kill(), seal=number % SEALED == SEALED - 1)
        if number % 10 == 9:
            assert not check(store).damage, f"after life {number} (seed {seed})"
    assert list(store.rglob("[0-9]*.part")), f"nothing was sealed (seed {seed})"
