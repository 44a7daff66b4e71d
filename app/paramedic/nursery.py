"""Forks roles, notices how they end, and starts them again with backoff."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from paramedic import child
from paramedic.loop import NEVER, Loop
from paramedic.roles import Spec
from paramedic.ward import START_DEADLINE, Stage, Ward, how
from paramedic_core.fault import fault
from paramedic_core.settings import Settings
from paramedic_core.sys import processes
from paramedic_core.sys.files import write_atomic

log = logging.getLogger("paramedic.nursery")


class Nursery:
    """All wards and their processes.

    Args:
        loop: tells when a role says that it is ready.
        specs: which roles, in the order of starting.
        settings: what the next child gets; replaced at a reload.
        data: the data directory.
        host: this host's id.
    """

    def __init__(self, loop: Loop, specs: Sequence[Spec], settings: Settings, data: Path, host: str) -> None:
        self.wards = [Ward(spec) for spec in specs]
        self.settings = settings
        self.closing = False
        """Set when everything stops: nobody is started any more."""
        self._loop, self._data, self._host = loop, data, host

    @property
    def empty(self) -> bool:
        """No process is left."""
        return not any(w.pid for w in self.wards)

    @property
    def settled(self) -> bool:
        """Every role is up, or has been tried: healing does not wait for a hub that cannot have its port."""
        return all(w.stage is Stage.UP or w.life.restarts for w in self.wards)

    def look_after(self, now: float) -> None:
        """Start who is due, kill who is overdue."""
        for ward in self.wards:
            if ward.stage is Stage.WAITING and now >= ward.start_at and not self.closing:
                self._start(ward, now)
            if now >= ward.kill_at:
                late = "did not stop in time" if ward.stage is Stage.STOPPING else "was not ready in time"
                ward.kill(f"it {late}")

    def reap(self) -> None:
        """Take note of every process that has ended, also of those that came to us as a container's process 1."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for ward in self.wards:
                if ward.pid == pid:
                    self._ended(ward, status, time.monotonic())

    def _start(self, ward: Ward, now: float) -> None:
        ward.life.start(now)
        try:
            self._fork(ward)
        except OSError as error:
            ward.start_at = now + max(0.1, ward.life.ended(now))
            log.warning("%s cannot be started: %s; trying again", ward.name, error)
            return
        ward.stage, ward.kill_at, ward.since = Stage.STARTING, now + START_DEADLINE, time.time()
        self._pid_file(ward)

    def _fork(self, ward: Ward) -> None:
        ready, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        birth = child.Birth(ward.spec, self.settings, self._data, self._host, tell, os.getpid())
        # What lives now is hidden from the collector, so that the child's own collections do not copy its pages.
        gc.collect()
        gc.freeze()
        try:
            with processes.signals_blocked():
                pid = os.fork()
                if pid == 0:
                    child.live(birth)
        except OSError:
            os.close(ready)
            raise
        finally:
            os.close(tell)
        fault("supervisor.after_fork")
        ward.pid, ward.ready_fd, ward.why_killed = pid, ready, ""
        self._loop.watch(ready, lambda: self._heard_ready(ward))

    def _heard_ready(self, ward: Ward) -> None:
        answer = os.read(ward.ready_fd, 64)
        self._close_ready(ward)
        if answer == child.READY and ward.stage is Stage.STARTING:
            ward.stage, ward.kill_at, ward.since = Stage.UP, NEVER, time.time()

    def _close_ready(self, ward: Ward) -> None:
        if ward.ready_fd >= 0:
            self._loop.unwatch(ward.ready_fd)
            os.close(ward.ready_fd)
            ward.ready_fd = -1

    def _ended(self, ward: Ward, status: int, now: float) -> None:
        wanted = ward.stage is Stage.STOPPING
        self._close_ready(ward)
        ward.pid, ward.kill_at, ward.since = 0, NEVER, time.time()
        ward.stage = Stage.ENDED if self.closing else Stage.WAITING
        why = ward.why_killed or ("it was asked to stop" if wanted else "")
        ward.last_exit = {"at": round(ward.since, 3), "how": how(status), "why": why}
        self._pid_file(ward)
        if wanted:
            ward.start_at = now
            log.log(logging.WARNING if ward.why_killed else logging.DEBUG, "%s %s (%s)", ward.name, how(status), why)
            return
        wait = ward.life.ended(now)
        ward.start_at = now + wait
        because = f" ({why})" if why else ""
        if self.closing:
            log.info("%s %s%s", ward.name, how(status), because)
            return
        log.warning("%s %s%s; it starts again in %.1f s", ward.name, how(status), because, wait)

    def _pid_file(self, ward: Ward) -> None:
        """Keep `run/ROLE.pid`; on a full disk it stays away, which must not keep a role from running."""
        path = self._data / "run" / f"{ward.name}.pid"
        with contextlib.suppress(OSError):
            if ward.pid:
                write_atomic(path, f"{ward.pid}\n".encode(), 0o644, durable=False)
            else:
                path.unlink(missing_ok=True)
