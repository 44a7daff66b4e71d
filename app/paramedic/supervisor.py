"""The supervisor: forks the roles, starts again those that end, replaces those that hang, stops them all.

One thread and one loop. It talks to no engine, and reads nothing foreign but the first line of its own children's answers.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from paramedic.health import EVERY, Rounds
from paramedic.loop import NEVER, Loop
from paramedic.notify import Notifier
from paramedic.nursery import Nursery
from paramedic.options import Options
from paramedic.reload import Reload
from paramedic.report import Report
from paramedic.roles import Spec
from paramedic.ward import KILL_AFTER, Stage
from paramedic_core.settings import Settings
from paramedic_core.sys import processes

log = logging.getLogger("paramedic.supervisor")
_ORDERLY = 3.0
"""Seconds in which the roles are asked to stop one after another; what is left until KILL_AFTER is for the last one."""


class Supervisor:
    """Runs roles until SIGTERM or SIGINT.

    Args:
        specs: which roles, in the order of starting.
        settings: a whole and valid configuration.
        options: how it was read, to read it again at SIGHUP.
        data: the prepared data directory.
        host: this host's id.
        report: where it says how the roles are.
        ask_every: seconds between health questions.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        settings: Settings,
        options: Options,
        data: Path,
        host: str,
        *,
        report: Path,
        ask_every: float = EVERY,
    ) -> None:
        self._loop = Loop((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD))
        self._nursery = Nursery(self._loop, specs, settings, data, host)
        self._rounds = Rounds(self._loop, self._nursery, data, ask_every)
        self._reload = Reload(self._loop, self._nursery, options)
        self._notifier, self._report = Notifier(), Report(data, report)
        self._beat_at = 0.0 if self._notifier.interval else NEVER
        self._stop_began = NEVER
        self._said = ""

    def run(self) -> int:
        """The whole life; returns the exit status."""
        while True:
            now = time.monotonic()
            self._look_after(now)
            if self._nursery.closing and self._nursery.empty:
                break
            self._report.write(self._nursery, self._reload.state())
            self._hear(self._loop.wait(self._deadline(now)))
        self._report.remove(self._nursery)
        log.info("stopped")
        return 0

    def _deadline(self, now: float) -> float:
        wards = min((w.deadline for w in self._nursery.wards), default=NEVER)
        turns = (t for t in self._turns() if t > now)
        return min(wards, self._rounds.deadline, self._reload.deadline, self._beat_at, min(turns, default=NEVER))

    def _look_after(self, now: float) -> None:
        if now >= self._beat_at:
            self._notifier.say("WATCHDOG=1")
            self._beat_at = now + self._notifier.interval
        if self._nursery.closing:
            self._stop_in_order(now)
        else:
            self._reload.look_after(now)
        self._nursery.look_after(now)
        self._rounds.look_after(now)
        if self._said != "READY=1" and self._nursery.settled and not self._reload.busy:
            log.info("running: %s", ", ".join(w.name for w in self._nursery.wards if w.pid))
            self._tell("READY=1")
            # What starting up alone has run of OpenSSL's code is 3 MB, and nobody else's.
            processes.let_go_of_code()

    def _hear(self, signals: set[int]) -> None:
        if signal.SIGCHLD in signals:
            self._nursery.reap()
        if signals & {signal.SIGTERM, signal.SIGINT} and not self._nursery.closing:
            log.info("stopping")
            self._nursery.closing, self._stop_began = True, time.monotonic()
            self._tell("STOPPING=1")
        elif signal.SIGHUP in signals and not self._nursery.closing:
            log.info("reading the configuration again")
            self._tell("RELOADING=1")
            self._reload.ask()

    def _tell(self, word: str) -> None:
        self._said = word
        stamp = f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}" if word == "RELOADING=1" else ""
        self._notifier.say(word + stamp)

    def _turns(self) -> list[float]:
        """When each role is asked to stop at the latest, in that order: the reverse of the order of starting."""
        wards = self._nursery.wards
        return [self._stop_began + _ORDERLY * turn / len(wards) for turn in range(len(wards))]

    def _stop_in_order(self, now: float) -> None:
        """Ask each when those before it have ended, or when its turn has come although they have not."""
        waiting = False
        for ward, turn in zip(reversed(self._nursery.wards), self._turns(), strict=True):
            if not ward.pid:
                ward.stage = Stage.ENDED
            elif not waiting or now >= turn:
                ward.ask_to_stop(self._stop_began + KILL_AFTER)
                # One that was being replaced already has a deadline of its own, which may be too late now.
                ward.kill_at = min(ward.kill_at, self._stop_began + KILL_AFTER)
            waiting = waiting or bool(ward.pid)
