"""A real Docker Engine for tests, never the user's own: `private_engine` (one a session), `own_engine` (one a test)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/engine"
_CANNOT_HAVE = 75
# All but the exec events: those of health checks would push everything else out of the engine's memory of 256.
_ACTIONS = (
    "create", "start", "die", "kill", "stop", "restart", "destroy", "rename", "pause", "unpause", "oom", "update",
    "health_status", "connect", "disconnect",
)  # fmt: skip


class PrivateEngine:
    """A private engine that runs.

    Args:
        folder: where it lives.
        address: `unix://…`.
    """

    image = "paramedic/busybox:1"
    """A static busybox: /bin/sh, httpd, wget, nc, …"""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.host = folder, address
        self.socket = Path(address.removeprefix("unix://"))
        self._seen: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._listening = threading.Event()
        self._live: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True, name="engine-events")
        self._thread.start()
        if not self._listening.wait(20):
            raise TimeoutError(f"the engine at {address} gives no event stream")

    def docker(self, *args: str, check: bool = True, timeout: float = 60.0) -> str:
        """Run Docker's own command line on this engine; return what it printed, stripped."""
        done = subprocess.run(
            ["docker", "-H", self.host, *args], capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(args)}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def run(self, name: str, *command: str, options: Sequence[str] = ()) -> str:
        """Start a container of our image in the background; return its full id."""
        return self.docker("run", "-d", "--name", name, *options, self.image, *(command or ("sleep", "100000")))

    def inspect(self, name: str) -> dict[str, Any]:
        """The engine's inspect of a container."""
        found: dict[str, Any] = json.loads(self.docker("inspect", "--type", "container", name))[0]
        return found

    def remove(self, *names: str) -> None:
        """Force containers away, with their anonymous volumes; what is gone already is fine."""
        if names:
            self.docker("rm", "-fv", *names, check=False)

    def events(
        self, since: float = 0.0, *, target: str = "", actions: Sequence[str] = (), kind: str = "container"
    ) -> list[dict[str, Any]]:
        """The engine's own events (exec events left out) since `since` (Unix seconds), oldest first.

        Args:
            since: not before this moment.
            target: only of the container with this id or name.
            actions: only with one of these Actions, as `die`, `health_status: unhealthy`.
            kind: container, network, …; empty for all.
        """
        with self._changed:
            seen = list(self._seen)
        return [
            e
            for e in seen
            if e["timeNano"] >= since * 1e9
            and (not kind or e["Type"] == kind)
            and (not target or target in (e["Actor"]["ID"], e["Actor"]["Attributes"].get("name")))
            and (not actions or e["Action"] in actions)
        ]

    def wait_events(
        self, enough: Callable[[list[dict[str, Any]]], bool], *, within: float = 60.0, since: float = 0.0, **only: Any
    ) -> list[dict[str, Any]]:
        """Wait until `enough(events(since, **only))`; return those events.

        Raises:
            AssertionError: not within `within` seconds.
        """
        deadline = time.monotonic() + within
        with self._changed:
            while not enough(found := self.events(since, **only)):
                left = deadline - time.monotonic()
                if left <= 0:
                    actions = [(e["Actor"]["Attributes"].get("name"), e["Action"]) for e in found]
                    raise AssertionError(f"not within {within} s; the engine said {actions}")
                self._changed.wait(left)
        return found

    def wait(self, holds: Callable[[], bool], *, within: float = 60.0) -> None:
        """Poll until `holds()`.

        Raises:
            AssertionError: it does not within `within` seconds.
        """
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"does not hold within {within} s")
            time.sleep(0.05)

    def stop_daemon(self, *, kill: bool = False) -> None:
        """End the daemon, keep its data; `kill` as a crash: the containers live on."""
        _script("stop", str(self.folder), *(["--kill"] if kill else []))

    def start_daemon(self) -> None:
        """Start it again; its event stream is followed again too."""
        self._listening.clear()
        _script("up", str(self.folder))
        if not self._listening.wait(20):
            raise TimeoutError("the engine's event stream did not come back")

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        live = self._live
        if live is not None and live.sock is not None:
            with contextlib.suppress(OSError):
                live.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _listen(self) -> None:
        filters = json.dumps({"event": list(_ACTIONS)})
        while not self._stop.is_set():
            last = self._seen[-1]["timeNano"] if self._seen else time.time_ns()
            since = f"{last // 10**9}.{last % 10**9:09d}"
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._follow(f"/events?since={since}&filters={quote(filters)}")
            self._stop.wait(0.05)

    def _follow(self, url: str) -> None:
        live = http.client.HTTPConnection("localhost")
        live.sock = plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._live = live
        try:
            plug.connect(str(self.socket))
            live.request("GET", url)
            response = live.getresponse()
            self._listening.set()
            while line := response.readline():
                event = json.loads(line)
                with self._changed:
                    if event not in self._seen[-64:]:
                        self._seen.append(event)
                        self._changed.notify_all()
        finally:
            live.close()
            plug.close()


def _script(*args: str) -> str:
    done = subprocess.run([str(SCRIPT), *args], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == _CANNOT_HAVE:
        pytest.skip(f"no engine: {done.stderr.strip()}")
    if done.returncode:
        raise AssertionError(f"scripts/engine {' '.join(args)}: {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def _engine() -> Iterator[PrivateEngine]:
    address = _script("up", "--owner", str(os.getpid()))
    folder = Path(address.removeprefix("unix://")).parent
    engine = PrivateEngine(folder, address)
    try:
        yield engine
    finally:
        engine.close()
        _script("down", str(folder))


@pytest.fixture(scope="session")
def private_engine() -> Iterator[PrivateEngine]:
    """An engine of this session's own, shared by its tests: name your containers so that they meet no others'."""
    yield from _engine()


@pytest.fixture
def own_engine() -> Iterator[PrivateEngine]:
    """An engine of this test's own, which it may stop, kill and start again."""
    yield from _engine()
