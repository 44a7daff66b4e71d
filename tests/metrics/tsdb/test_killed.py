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
    acknowledged = live(store, 0, "turns", point, marks).ended()
    following = verify(store, acknowledged)
    life = live(store, following, "turns")
    life.until(following + 100)
    verify(store, life.kill())
    assert not check(store).damage


def test_fifty_kills_at_random_under_load(live: Callable[..., Life], tmp_path: Path) -> None:
    seed = int(os.environ.get("PARAMEDIC_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"PARAMEDIC_TEST_SEED={seed}")
    luck = random.Random(seed)
    store, following = tmp_path / "metrics", 0
    for number in range(LIVES):
        life = live(store, following, "load")
        life.until(following)
        time.sleep(luck.uniform(0, 0.25))
        acknowledged = life.kill()
        following = verify(store, acknowledged)
        if number % 10 == 9:
            assert not check(store).damage, f"after life {number} (seed {seed})"
    assert following > 1000, "too little was written for anything to be sealed and merged"
