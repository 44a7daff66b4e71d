"""kill -9 amid rotation: each line is stored once; where Docker deletes, a gap says so."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paramedic_core.clock import FakeClock
from support_logs import DockerLog, Rig


class Pump:
    """The process."""

    def __init__(self, folder: Path, fault: str = "") -> None:
        env = {**os.environ, "PYTHONPATH": "tests/support"}
        if fault:
            env["PARAMEDIC_FAULTS"] = f"{fault}={folder / 'fault'}"
        command = [sys.executable, "-m", "support_logs_pump", str(folder / "logs"), str(folder / "engine"), "0.1"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"up\n"
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def stored(folder: Path) -> list[str]:
    """What is there after one more look by hand."""
    rig = Rig(folder / "logs", folder / "engine", FakeClock())
    try:
        rig.turn(2)
        rig.seal()
        return rig.lines()
    finally:
        rig.crash()


def write(log: DockerLog, folder: Path, count: int, *, away: int = 0) -> None:
    """A numbered stream of `count` lines beside a pump that is killed five times amid it.

    Args:
        log: where they are written.
        folder: the test's.
        count: how many lines.
        away: how many more are written after each kill before there is a pump again.
    """
    kills = sorted(random.Random(7).sample(range(count), 5))
    pump = Pump(folder)
    for number in range(count):
        log.line()
        if number % 500 == 0:
            time.sleep(0.002)  # the writer's own pace
        if kills and number == kills[0]:
            kills.pop(0)
            pump.kill()
            for _ in range(away):
                log.line()
            pump = Pump(folder)
    pump.kill()


@pytest.mark.parametrize("compress", [False, True])
def test_each_of_200000_lines_once(tmp_path: Path, compress: bool) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log = DockerLog(tmp_path / "engine/containers", max_size=600_000, max_file=1000, compress=compress)
    write(log, tmp_path, 200_000)
    found = stored(tmp_path)
    assert (len(found), log.deleted) == (200_000, 0)
    assert found == [f"line {n}" for n in range(200_000)]


def test_of_200000_lines_what_is_stored_and_what_is_missing_at_gaps_are_all(tmp_path: Path) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log = DockerLog(tmp_path / "engine/containers", max_size=200_000, max_file=3)
    write(log, tmp_path, 160_000, away=8_000)
    assert log.count == 200_000
    assert log.deleted > 50
    found, holes = holes_of(stored(tmp_path))
    assert found + sum(holes) == log.count
    assert len(holes) >= 5, "each time it was away too long for what Docker keeps"


def holes_of(texts: list[str]) -> tuple[int, list[int]]:
    """How many lines there are, each once and in order, and how many are missing at each gap that is recorded."""
    expected, lines, gap = 0, 0, False
    holes: list[int] = []
    for text in texts:
        if text.startswith("GAP"):
            gap = True
            continue
        match = re.fullmatch(r"line (\d+)", text)
        assert match is not None
        number = int(match[1])
        assert number == expected or (gap and number > expected), f"{expected} to {number} are missing without a gap"
        if number > expected:
            holes.append(number - expected)
        lines, expected, gap = lines + 1, number + 1, False
    return lines, holes


@pytest.mark.parametrize("point", ["logs.before_catalogue", "logs.after_catalogue"])
def test_killed_at_each_fault_point(tmp_path: Path, point: str) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log = DockerLog(tmp_path / "engine/containers", max_size=5000, max_file=100)
    for _ in range(300):
        log.line()
    pump = Pump(tmp_path, point)
    assert pump.process.wait(20) == -9
    for _ in range(300):
        log.line()
    assert stored(tmp_path) == [f"line {n}" for n in range(600)]
