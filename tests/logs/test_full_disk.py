"""A disk that really is full: reading pauses, says so, and goes on by itself; nothing is lost, nothing is stored twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_core.clock import FakeClock
from support_logs import DockerLog, Rig
from support_small_disk import small_disk

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a tmpfs"),
]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, "2m") as place:
        yield place


def fill(path: Path) -> None:
    for size in (65536, 1024, 1):
        with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * size)


def test_pauses_and_goes_on(tmp_path: Path, small: Path) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log, clock = DockerLog(tmp_path / "engine/containers"), FakeClock()
    rig = Rig(small / "logs", tmp_path / "engine", clock)
    for _ in range(100):
        log.line()
    rig.turn()
    rig.seal()
    fill(small / "filler")
    for _ in range(3000):
        log.line()
    clock.advance(11)
    rig.turn()
    assert not rig.pipeline.ready().ready
    assert "free space" in rig.pipeline.ready().reason
    held = rig.store.head_bytes
    for _ in range(3000):
        log.line()
    for _ in range(5):
        clock.advance(3)
        rig.turn()
    assert rig.store.head_bytes == held, "it went on reading"
    assert rig.lines() == [f"line {n}" for n in range(len(rig.lines()))], "what is held can still be found"
    (small / "filler").unlink()
    clock.advance(3)
    rig.turn(2)
    assert rig.pipeline.ready().ready
    rig.seal()
    expected = [f"line {n}" for n in range(6100)]
    assert rig.lines() == expected
    rig.crash()
    rig = Rig(small / "logs", tmp_path / "engine", clock)
    rig.turn()
    assert rig.lines() == expected
    rig.crash()


def test_killed_while_full(tmp_path: Path, small: Path) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log, clock = DockerLog(tmp_path / "engine/containers"), FakeClock()
    rig = Rig(small / "logs", tmp_path / "engine", clock)
    for _ in range(100):
        log.line()
    rig.turn()
    rig.seal()
    fill(small / "filler")
    for _ in range(500):
        log.line()
    clock.advance(11)
    rig.turn()
    rig.crash()
    (small / "filler").unlink()
    rig = Rig(small / "logs", tmp_path / "engine", clock)
    rig.turn()
    rig.seal()
    assert rig.lines() == [f"line {n}" for n in range(600)]
    rig.crash()
