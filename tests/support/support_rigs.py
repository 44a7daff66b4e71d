"""One scenario language for the contract suite, over three engines: in memory, faked over a socket, and real."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from paramedic_core.model import Endpoint, HealthCheck
from paramedic_runtime.base import Backend
from paramedic_runtime.memory import MemoryBackend
from support_engine import PrivateEngine

T = TypeVar("T")
CHECK = HealthCheck(interval=1.0, timeout=2.0, retries=1)
LOOP = "rm -f /sick; trap 'exit 0' TERM; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; while :; do sleep 0.05; done"


class Rig(Protocol):
    """An engine, and what people and fate do to it."""

    backend: Backend
    settle: float
    """The most seconds that a thing may take to show."""

    def run(self, name: str, *, labels: dict[str, str] | None = None, check: bool = False, policy: str = "no") -> str:
        """A running container; its id."""

    def run_deaf(self, name: str) -> str:
        """One whose process hears no SIGTERM."""

    def run_passing(self, name: str) -> str:
        """One that was run with `--rm`."""

    def fail_health(self, name: str) -> None:
        """Its next probes fail, until it is started anew."""

    def crash(self, name: str) -> None:
        """Its process dies by itself, with an error."""

    def crash_loop(self, name: str) -> str:
        """A container with policy `always` whose process fails at once, for ever; its id."""

    def human(self, verb: str, name: str, *args: str) -> None:
        """A person's `docker VERB NAME`."""

    def run_on(self, name: str, network: str) -> str:
        """A running container on a network of its own, which is made; its id."""

    def leave(self, name: str, network: str) -> None:
        """A person's `docker network disconnect`."""

    def join(self, name: str, network: str) -> None:
        """A person's `docker network connect`."""


class MemoryRig:
    """The in-memory engine; for the fake, its inside."""

    def __init__(self, engine: MemoryBackend, backend: Backend | None = None) -> None:
        self.engine = engine
        self.backend: Backend = backend or engine
        self.settle = 30.0

    def run(self, name: str, *, labels: dict[str, str] | None = None, check: bool = False, policy: str = "no") -> str:
        return self.engine.add(
            name,
            labels=labels,
            health_check=replace(CHECK) if check else None,
            restart_policy=policy,
            healthy_after=0.2,
            network_mode="none",
        )

    def run_deaf(self, name: str) -> str:
        found = self.engine.add(name)
        self.engine.hang(found)
        return found

    def run_passing(self, name: str) -> str:
        return self.engine.add(name, auto_remove=True, network_mode="none")

    def fail_health(self, name: str) -> None:
        self.engine.fail_health(name)

    def crash(self, name: str) -> None:
        self.engine.crash(name, 137)

    def crash_loop(self, name: str) -> str:
        found = self.engine.add(name, restart_policy="always")
        self.engine.crash_loop(found, after=0.01)
        return found

    def human(self, verb: str, name: str, *args: str) -> None:
        engine = self.engine
        calls: dict[str, Callable[[], Any]] = {
            "stop": lambda: engine.human_stop(name),
            "restart": lambda: engine.human_restart(name),
            "start": lambda: engine.human_start(name),
            "kill": lambda: engine.human_kill(name, args[0] if args else "SIGKILL"),
            "rm": lambda: engine.destroy(name),
            "rename": lambda: engine.rename(name, args[0]),
            "pause": lambda: engine.pause(name),
            "unpause": lambda: engine.pause(name, on=False),
        }
        calls[verb]()

    def run_on(self, name: str, network: str) -> str:
        place = Endpoint(network, network, "172.31.0.2")
        return self.engine.add(name, network_mode=network, endpoints=(place,))

    def leave(self, name: str, network: str) -> None:
        self.engine.leave(name, network)

    def join(self, name: str, network: str) -> None:
        self.engine.join(name, network, "172.31.0.3")


class RealRig:
    """A private engine."""

    def __init__(self, engine: PrivateEngine, backend: Backend) -> None:
        self.engine, self.backend, self.settle = engine, backend, 60.0
        self.names: list[str] = []
        self.networks: list[str] = []

    def run(self, name: str, *, labels: dict[str, str] | None = None, check: bool = False, policy: str = "no") -> str:
        options = ["--restart", policy, "--network", "none"]
        for key, value in (labels or {}).items():
            options += ["--label", f"{key}={value}"]
        if check:
            options += ["--health-cmd", "test ! -e /sick", "--health-interval", "1s", "--health-timeout", "2s"]
            options += ["--health-retries", "1"]
        found = self._new(name, "sh", "-c", LOOP, options=options)
        if check:
            until(lambda: self.backend.inspect(found).health.value == "healthy", self.settle)
        return found

    def run_deaf(self, name: str) -> str:
        return self._new(name, "sh", "-c", DEAF, options=["--network", "none"])

    def run_passing(self, name: str) -> str:
        # Not among the names to be removed: it is gone by itself.
        return self.engine.run(name, "sh", "-c", LOOP, options=["--rm", "--network", "none"])

    def fail_health(self, name: str) -> None:
        self.engine.docker("exec", name, "touch", "/sick")

    def crash(self, name: str) -> None:
        # From the host, so that the engine hears of no signal.
        os.kill(int(self.engine.inspect(name)["State"]["Pid"]), signal.SIGKILL)

    def crash_loop(self, name: str) -> str:
        return self._new(name, "sh", "-c", "exit 3", options=["--restart", "always", "--network", "none"])

    def human(self, verb: str, name: str, *args: str) -> None:
        if verb == "rm":
            self.engine.docker("rm", "-f", name)
        elif verb == "kill":
            self.engine.docker("kill", *(["-s", args[0]] if args else []), name)
        else:
            self.engine.docker(verb, name, *args)
            if verb == "rename":
                self.names.append(args[0])

    def run_on(self, name: str, network: str) -> str:
        self.engine.docker("network", "create", network)
        self.networks.append(network)
        return self._new(name, "sh", "-c", LOOP, options=["--network", network])

    def leave(self, name: str, network: str) -> None:
        self.engine.docker("network", "disconnect", network, name)

    def join(self, name: str, network: str) -> None:
        self.engine.docker("network", "connect", network, name)

    def _new(self, name: str, *command: str, options: list[str]) -> str:
        self.names.append(name)
        return self.engine.run(name, *command, options=options)


def until(true: Callable[[], T], within: float, every: float = 0.02) -> T:
    """Wait until `true()` is true; return its value.

    Raises:
        AssertionError: it is not within that many seconds.
    """
    deadline = time.monotonic() + within
    while not (value := true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last: {value!r}")
        time.sleep(every)
    return value
