"""Relay: runs jobs one after another in a thread that can be left behind.

A system call that hangs (statvfs on a dead NFS mount) cannot be interrupted from Python, so the thread in it is given up
and another takes over the rest. Healthy jobs cost one hand-over a batch, not a thread each. A job that hangs is skipped
until its thread comes back, so that each costs at most one thread; there are at most `workers` of these.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Outcome(Generic[T]):
    """How a job ended."""

    value: T | None = None
    error: BaseException | None = None
    """What it raised; a TimeoutError when it was left behind or skipped."""
    seconds: float = 0.0


@dataclass(slots=True)
class _Batch(Generic[T]):
    jobs: list[tuple[str, Callable[[], T]]]
    outcomes: dict[str, Outcome[T]] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    """Job → when it began."""
    closed: bool = False


class Relay(Generic[T]):
    """Args:
    name: of the threads.
    workers: the most threads, those that hang among them.
    hedge: after so many seconds in one job a second thread begins with the rest.
    """

    def __init__(self, name: str, workers: int = 8, hedge: float = 0.02) -> None:
        self._name, self._most, self._hedge = name, workers, hedge
        self._changed = threading.Condition()
        self._batch: _Batch[T] | None = None
        self._threads = 0
        self._idle = 0
        self._stuck: dict[str, float] = {}
        self._turn = threading.Lock()
        self._closed = False

    @property
    def stuck(self) -> dict[str, float]:
        """Jobs that were left behind and have not come back, each with when it began (monotonic seconds)."""
        with self._changed:
            return dict(self._stuck)

    def run(self, jobs: Sequence[tuple[str, Callable[[], T]]], timeout: float) -> dict[str, Outcome[T]]:
        """Run the jobs, each for at most `timeout` seconds; every job has an outcome in the answer.

        Args:
            jobs: each with a name of its own.
            timeout: a job that takes longer is left behind. With all of them hanging the whole takes this long too.
        """
        with self._turn, self._changed:
            batch: _Batch[T] = _Batch([])
            for name, job in reversed(jobs):
                if name in self._stuck:
                    batch.outcomes[name] = Outcome(error=TimeoutError(f"it has hung for {self._hung(name):.0f} s"))
                else:
                    batch.jobs.append((name, job))
            self._batch = batch
            self._wait(batch, time.monotonic(), timeout)
            batch.closed, self._batch = True, None
            return batch.outcomes

    def close(self) -> None:
        """Let idle threads end. Those that hang are daemons and end with the process."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _hung(self, name: str) -> float:
        return time.monotonic() - self._stuck[name]

    def _wait(self, batch: _Batch[T], began: float, timeout: float) -> None:
        hedged_at = began - self._hedge
        while batch.jobs or batch.running:
            now = time.monotonic()
            for name, since in list(batch.running.items()):
                if now - since >= timeout:
                    self._leave_behind(batch, name, since)
            if not batch.running and (now - began >= timeout or len(self._stuck) >= self._most):
                self._give_up(batch, timeout)
                return
            if batch.jobs and now - hedged_at >= self._hedge:
                hedged_at = now
                self._helper()
            self._changed.wait(self._hedge if batch.jobs else self._left(batch, now, timeout))

    def _left(self, batch: _Batch[T], now: float, timeout: float) -> float:
        return max(0.0, min((since + timeout - now for since in batch.running.values()), default=self._hedge))

    def _leave_behind(self, batch: _Batch[T], name: str, since: float) -> None:
        del batch.running[name]
        self._stuck[name] = since
        spent = time.monotonic() - since
        batch.outcomes[name] = Outcome(error=TimeoutError(f"it did not answer within {spent:.1f} s"), seconds=spent)

    def _give_up(self, batch: _Batch[T], timeout: float) -> None:
        for name, _ in batch.jobs:
            why = f"not begun within {timeout:g} s: {len(self._stuck)} others hang"
            batch.outcomes[name] = Outcome(error=TimeoutError(why))
        batch.jobs.clear()

    def _helper(self) -> None:
        if self._idle:
            self._changed.notify_all()
        elif self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True, name=self._name).start()

    def _work(self) -> None:
        with self._changed:
            while not self._closed:
                batch = self._batch
                if batch is not None and batch.jobs:
                    self._one(batch)
                elif self._idle:  # one waiting thread is enough
                    break
                else:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
            self._threads -= 1

    def _one(self, batch: _Batch[T]) -> None:
        """Take one job and run it without the lock, which is held before and after."""
        name, job = batch.jobs.pop()
        batch.running[name] = began = time.monotonic()
        self._changed.release()
        outcome: Outcome[T] = Outcome()
        try:
            outcome.value = job()
        except BaseException as error:  # noqa: BLE001  it is the caller's to judge, in the caller's thread
            outcome.error = error
        finally:
            self._changed.acquire()
        outcome.seconds = time.monotonic() - began
        if batch.closed or name not in batch.running:
            self._stuck.pop(name, None)
            return
        del batch.running[name]
        batch.outcomes[name] = outcome
        if not batch.jobs and not batch.running:
            self._changed.notify_all()
