"""The demo's own way to an engine: Docker's command line, and the engine's event stream as the witness.

The demo stands outside paramedic, as a person at a keyboard does. Inside it, only the runtime role opens the engine's socket.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from paramedic_core.errors import EngineAway, Permanent

PROJECT = "paramedic-demo"
LABEL = f"com.docker.compose.project={PROJECT}"
IMAGE = "paramedic/busybox:1"
_MOST_EVENTS = 20_000
_ACTIONS = ("start", "restart", "stop", "kill", "die", "health_status", "oom", "destroy")


class Engine:
    """An engine that the demo may use: only containers and networks of the demo's project are touched.

    Args:
        address: `unix://…`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._events: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._stream: subprocess.Popen[str] | None = None

    def docker(self, *args: str, timeout: float = 120.0) -> str:
        """Run one docker command; return what it printed.

        Raises:
            EngineAway: the command is missing, or did not end in time.
            Permanent: it failed; the text is the engine's.
        """
        command = ["docker", "-H", self.address, *args]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603  our own arguments, no shell
        except FileNotFoundError as error:
            raise EngineAway("the `docker` command is missing (Debian: docker.io or docker-cli)") from error
        except subprocess.TimeoutExpired as error:
            raise EngineAway(f"`docker {args[0]}` did not end within {timeout:.0f} s") from error
        if done.returncode:
            raise Permanent(f"`docker {' '.join(args[:4])} …` failed: {done.stderr.strip()[:500]}")
        return done.stdout.strip()

    def check(self) -> None:
        """See that the engine answers and has the demo's image.

        Raises:
            EngineAway: it does not; the text says what to do.
        """
        try:
            self.docker("version", "--format", "{{.Server.Version}}", timeout=30.0)
        except Permanent as error:
            raise EngineAway(f"no engine answers at {self.address} ({error})") from error
        try:
            self.docker("image", "inspect", "--format", "{{.Id}}", IMAGE)
        except Permanent as error:
            raise EngineAway(
                f"the engine at {self.address} has no image {IMAGE}: `make demo` in a checkout brings it "
                "(`scripts/engine image DIR`)"
            ) from error

    def follow(self) -> None:
        """Listen to the engine's events of the demo's containers from now on."""
        filters = [word for action in _ACTIONS for word in ("--filter", f"event={action}")]
        self._stream = subprocess.Popen(  # noqa: S603  our own arguments, no shell
            ["docker", "-H", self.address, "events", "--filter", f"label={LABEL}", *filters, "--format", "{{json .}}"],  # noqa: S607  the client is wherever PATH says
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, args=(self._stream,), daemon=True, name="demo-events").start()

    def acts(self, name: str, since: float) -> list[str]:
        """What was done to a container from outside since `since` (Unix seconds), by the engine's own events.

        A start or restart by the engine's restart policy is not among them: it gives a `start` with no `restart`.
        """
        with self._lock:
            return [
                e["Action"]
                for e in self._events
                if e["Actor"]["Attributes"].get("name") == name and e.get("timeNano", 0) >= since * 1e9
            ]

    def remove_project(self) -> None:
        """Remove the containers and networks of the demo's project, and nothing else."""
        found = self.docker("ps", "-aq", "--filter", f"label={LABEL}").split()
        if found:
            self.docker("rm", "-fv", *found)
        networks = self.docker("network", "ls", "-q", "--filter", f"label={LABEL}").split()
        if networks:
            self.docker("network", "rm", *networks)

    def close(self) -> None:
        """Stop listening."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                stream.wait(5)

    def _read(self, stream: subprocess.Popen[str]) -> None:
        assert stream.stdout is not None
        with stream.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    with self._lock:
                        if len(self._events) < _MOST_EVENTS:
                            self._events.append(event)


def first(words: Sequence[str], among: Sequence[str]) -> str:
    """The first of `words` that is one of `among`; empty when none is."""
    return next((w for w in words if w in among), "")
