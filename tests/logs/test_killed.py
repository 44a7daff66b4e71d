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

SLOW = os.environ.get("PARAMEDIC_SLOW") == "1"


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


@pytest.mark.parametrize(
    "count",
    [20_000, pytest.param(200_000, marks=pytest.mark.skipif(not SLOW, reason="PARAMEDIC_SLOW=1 runs the long one"))],
)
@pytest.mark.parametrize("compress", [False, True])
def test_each_line_once(tmp_path: Path, count: int, compress: bool) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log = DockerLog(tmp_path / "engine/containers", max_size=count * 3, max_file=1000, compress=compress)
    luck = random.Random(7)
    kills = sorted(luck.sample(range(count), 5))
    pump = Pump(tmp_path)
    for number in range(count):
        log.line()
        if number % 500 == 0:
            time.sleep(0.002)  # the writer's own pace
        if kills and number == kills[0]:
            kills.pop(0)
            pump.kill()
            pump = Pump(tmp_path)
    pump.kill()
    assert stored(tmp_path) == [f"line {n}" for n in range(count)]


def test_stored_and_gaps_are_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "engine/containers").mkdir(parents=True)
    log = DockerLog(tmp_path / "engine/containers", max_size=20_000, max_file=2)
    for life in range(4):
        pump = Pump(tmp_path)
        for number in range(2000):
            log.line()
            if number % 100 == 0:
                time.sleep(0.005)  # the writer's own pace
        pump.kill()
        for _ in range(1000 if life % 2 else 0):
            log.line()
    assert log.deleted > 10
    found, expected = stored(tmp_path), 0
    missing = 0
    gap = False
    for text in found:
        if text.startswith("GAP"):
            gap = True
            continue
        match = re.fullmatch(r"line (\d+)", text)
        assert match is not None
        number = int(match[1])
        assert number == expected or (gap and number > expected), f"{expected} to {number} are missing without a gap"
        missing += number - expected
        expected, gap = number + 1, False
    assert expected == log.count
    assert missing > 0, "the test shows nothing: nothing was deleted unread"
    assert len([t for t in found if not t.startswith("GAP")]) + missing == log.count


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
