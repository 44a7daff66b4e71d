"""A process that writes to a store until it is killed, and what must be found afterwards.

`python -m support_tsdb_life FOLDER [turns|load] [MARKS]`, with the first step's number on stdin: step by step from it on, each
of 15 seconds that pass at once, it appends a scrape, writes loose and late samples and turns the upkeep (or has its threads run beside it, with `load`),
and says each step's number on stdout when it has been acknowledged. Windows and segments are so small that each thing that a
store does happens every few dozen steps. The folder MARKS, in which armed fault points leave their marks, is made when a
merge is due: so a point kills amid that.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paramedic_core.clock import FakeClock
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.series import ABSENT, STALE, Labels, bits
from paramedic_metrics.tsdb import merge, seal, upkeep, wal, window
from paramedic_metrics.tsdb.store import Store
from support_tsdb import ALL, START, labels

STEP = 15
RETENTION = 3600
KEPT = RETENTION // STEP
_CHURN = 20
"""Steps that a series lives which comes and goes."""
_STEADY = [labels(name=f"steady{i}", job="life") for i in range(30)]
_LOOSE = [labels(name=f"loose{i}", job="life") for i in range(8)]
_LATE = labels(name="late", job="life")
MOST = 2000
"""Steps after which the process ends by itself: nothing has killed it."""
_NUMBER = struct.Struct("<I")


def small() -> None:
    """Everything happens after a few steps."""
    window.WIDE, seal.SEAL_MOMENTS, seal.IDLE, wal.SEGMENT_BYTES = 8, 16, 600.0, 16 << 10
    merge.WINDOW, merge.ENOUGH, merge._OF_RETENTION = 60, (2, 2), 3
    upkeep.SEAL_EVERY, upkeep.SYNC_EVERY, upkeep.CLEAN_EVERY, upkeep.SWEEP_EVERY = 60.0, 15.0, 30.0, 300.0


def value(one: Labels, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """What a series has at each step."""
    name = dict(one)["__name__"]
    number = int("".join(c for c in name if c.isdigit()) or 3)
    kind = number % 5
    if kind == 0:
        return np.full(len(steps), float(number))
    if kind == 1:
        return steps * float(number) / 10
    if kind == 2:
        return np.sin(steps * (number + 1.0))
    if kind == 3:
        return np.where(steps % 7 == 0, STALE, steps % 13 / 100)
    return np.where(steps % 11 == 3, ABSENT, (steps * number % 17).astype(np.float64))


def steps_of(one: Labels, first: int, last: int) -> NDArray[np.int64]:
    """The steps of `first` to `last` at which a series has a sample."""
    steps = np.arange(first, last + 1)
    name = dict(one)["__name__"]
    if name == "late":
        due = steps[steps % 5 == 0]
        return np.unique(np.concatenate([due, due[due >= 2] - 2]))
    if name.startswith("churn"):
        steps = steps[steps // _CHURN == int(name.removeprefix("churn"))]
    raw = bits(value(one, steps))
    return steps[raw != bits(np.array([ABSENT]))[0]]


class _Paced(FakeClock):
    """Moves by steps only; who waits on it waits a moment really."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        return event.wait(min(timeout, 0.001))


class Writer:
    """The process's work.

    Args:
        folder: the store's.
        first: the step to begin with.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self.clock = _Paced(float(START + (first - 1) * STEP))
        self.store = Store(folder, MetricsSettings(retention=RETENTION), self.clock)
        self.steady = self.store.plan("scrape/steady", self.store.ids(_STEADY))
        self.loose = self.store.ids([*_LOOSE, _LATE])

    def step(self, number: int) -> None:
        """All of one step."""
        self.clock.advance(STEP)
        now, at = (START + number * STEP) * 1000, np.array([number])
        self.store.append(self.steady, now, np.array([value(one, at)[0] for one in _STEADY]))
        churn = labels(name=f"churn{number // _CHURN}", job="life")
        plan = self.store.plan(f"scrape/churn{number // _CHURN}", self.store.ids([churn]))
        self.store.append(plan, now, value(churn, at))
        given = [(i, number, value(one, at)[0]) for i, one in enumerate(_LOOSE)]
        given = [one for one in given if bits(np.array([one[2]]))[0] != bits(np.array([ABSENT]))[0]]
        if number % 5 == 0:
            given += [(len(_LOOSE), n, value(_LATE, np.array([n]))[0]) for n in (number, number - 2) if n >= 0]
        times = np.array([(START + n * STEP) * 1000 for _, n, _ in given])
        self.store.write(self.loose[[i for i, _, _ in given]], times, np.array([v for _, _, v in given]))


class Life:
    """One life of the process; until `begin` it only gets ready, and touches no store.

    Args:
        folder: the store's.
        mode: `turns`, or `load`.
        fault: where it kills itself; at the first time, or with `marks` amid the first merge.
        marks: a folder that is not there yet.
    """

    def __init__(self, folder: Path, mode: str, fault: str = "", marks: Path | None = None) -> None:
        mark = (marks or folder.parent) / "mark"
        env = {**os.environ, "PYTHONPATH": "tests/support", "PARAMEDIC_FAULTS": f"{fault}={mark}" if fault else ""}
        command = [sys.executable, "-m", "support_tsdb_life", folder, mode, *([marks] if marks else [])]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._told = -1

    def begin(self, first: int) -> None:
        """Let it write, from the step `first` on."""
        assert self.process.stdin is not None
        self._told = first - 1
        self.process.stdin.write(_NUMBER.pack(first))
        self.process.stdin.close()

    def until(self, step: int) -> None:
        """Wait until a step has been acknowledged."""
        while self._told < step:
            assert self._hear(), "it ended by itself"

    def kill(self) -> int:
        """kill -9; returns the last step that was acknowledged."""
        self.process.kill()
        return self.ended()

    def ended(self, within: float = 60.0) -> int:
        """Wait until it has been killed; returns the last step that was acknowledged."""
        while self._hear():
            pass
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self.process.wait(within) == -signal.SIGKILL
        return self._told

    def end(self) -> None:
        """Leave nothing of it, whatever has happened."""
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def _hear(self) -> bool:
        assert self.process.stdout is not None
        data = self.process.stdout.read(_NUMBER.size)
        if data:
            (self._told,) = _NUMBER.unpack(data)
        return bool(data)


def verify(folder: Path, acknowledged: int, *, seal: bool = False) -> int:
    """Open the store, and compare all that is in it; returns the next step.

    What was acknowledged must be there, each sample bit for bit. The next step may be, or parts of it: it was under way.

    Args:
        folder: the store's.
        acknowledged: the last step that was.
        seal: whether to seal everything afterwards.
    """
    clock = FakeClock(float(START + (acknowledged + 1) * STEP))
    store = Store(folder, MetricsSettings(retention=RETENTION), clock)
    try:
        found: dict[Labels, NDArray[np.int64]] = {}
        for frame in store.select(ALL, 0, 2**60):
            steps, rest = np.divmod(frame.times - START * 1000, STEP * 1000)
            assert not rest.any()
            for one, row in zip(frame.labels, frame.values, strict=True):
                there = bits(row) != bits(np.array([ABSENT]))[0]
                found[one] = steps[there]
                assert (bits(row[there]) == bits(value(one, steps[there]))).all(), one
        churns = [labels(name=f"churn{n}", job="life") for n in range(acknowledged // _CHURN + 1)]
        for one in (*_STEADY, *_LOOSE, _LATE, *churns):
            have = found.pop(one, np.empty(0, np.int64))
            wanted = steps_of(one, max(0, acknowledged - KEPT + 1), acknowledged)
            missing = np.setdiff1d(wanted, have)
            assert not len(missing), f"{one} lost steps {missing} of {acknowledged}"
            possible = steps_of(one, 0, acknowledged + 1)
            assert not len(np.setdiff1d(have, possible)), f"{one} has what was never written"
        assert set(found) <= {labels(name=f"churn{(acknowledged + 1) // _CHURN}", job="life")}
        if seal:
            store.upkeep.seal_all()
        return acknowledged + 1
    finally:
        store.stop()


def main(folder: Path, mode: str, marks: Path | None) -> None:
    """Write until killed, but not for ever."""
    small()
    told = sys.stdin.buffer.read(_NUMBER.size)
    if not told:
        return
    (first,) = _NUMBER.unpack(told)
    writer = Writer(folder, first)
    store = writer.store
    if mode == "load":
        store.start()
    for number in range(first, first + MOST):
        writer.step(number)
        os.write(1, _NUMBER.pack(number))
        fresh = [p for p in store.parts.all() if p.level == 0]
        if marks is not None and not marks.exists() and merge.due(fresh, 0, RETENTION):
            marks.mkdir()
        if mode == "turns":
            store.upkeep.turn()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None)
