"""Starts and ends a private dockerd, and asks it things over its own socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import need
from place import Place

_START_MOST = float(os.environ.get("ENGINE_START_MOST", "120"))
_STOP_MOST = 20.0


class EngineFailed(Exception):
    """The daemon did not start, or did not do what it was asked."""


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, url: str, body: bytes | None = None, timeout: float = 30.0) -> Any:
    """One request to the engine at a socket, and its answer.

    Raises:
        EngineFailed: it answered with an error.
        OSError: it does not answer.
    """
    connection = _Unix(path, timeout)
    try:
        kind = "application/x-tar" if body is not None else "application/json"
        connection.request(method, url, body, {"Content-Type": kind})
        response = connection.getresponse()
        text = response.read(64 << 20).decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"{path}: {error!r}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise EngineFailed(f"the engine at {path} answered {method} {url} with {response.status}: {text[:400]}")
    try:
        return json.loads(text)
    except ValueError:
        return text


def answers(path: Path) -> bool:
    """Whether an engine answers at this socket."""
    try:
        ask(path, "GET", "/_ping", timeout=5.0)
    except (OSError, EngineFailed):
        return False
    return True


def start(place: Place) -> None:
    """Start the daemon, and return when it answers; at once when it does already.

    Raises:
        EngineFailed: it ended, or did not answer in time; the text has the last lines of its log.
    """
    if answers(place.socket):
        return
    _forget_dead(place)
    dockerd = os.environ.get("DOCKERD") or need.tool("dockerd")
    assert dockerd is not None
    (place.folder / "daemon.json").write_text(json.dumps(_file_settings(dockerd, place)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER")}
    environment["PATH"] = os.pathsep.join([str(Path(dockerd).parent), need.PATH])
    with (place.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [dockerd, *_flags(place)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _START_MOST
    while not answers(place.socket):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            if not ended:
                process.kill()
                process.wait(10)
            said = "\n".join((place.folder / "log").read_text(errors="replace").splitlines()[-12:])
            why = f"ended with {process.returncode}" if ended else f"did not answer within {_START_MOST:g} s"
            raise EngineFailed(f"the private dockerd {why}; its last words ({place.folder}/log):\n{said}")
        time.sleep(0.05)


def _forget_dead(place: Place) -> None:
    """Remove pid files of processes that have ended: to dockerd one that only waits to be reaped counts as alive."""
    for file in (place.folder / "pid", place.folder / "exec/containerd/containerd.pid"):
        with contextlib.suppress(OSError, ValueError):
            if not alive(int(file.read_text())):
                file.unlink()


def _flags(place: Place) -> list[str]:
    folder = place.folder
    return [
        "--config-file", f"{folder}/daemon.json", "-H", place.address, "--pidfile", f"{folder}/pid",
        "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
        # Nothing of the machine's own network is changed: no rules, no masquerading, no forwarding, no docker0.
        "--iptables=false", "--ip-masq=false", "--ip-forward=false", "--bridge=none",
        "--default-address-pool", f"base={place.pool},size=26",
        "--cgroup-parent", place.cgroup, "--exec-opt", "native.cgroupdriver=cgroupfs",
        "--shutdown-timeout", "5", "--log-level", "warn",
    ]  # fmt: skip


def _file_settings(dockerd: str, place: Place) -> dict[str, str]:
    """The machine's own /etc/docker/daemon.json is not ours; before 23 the engine also kept a key in /etc/docker."""
    said = subprocess.run([dockerd, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    found = re.search(r"version v?(\d+)\.", said)
    old = found is not None and int(found[1]) < 23
    return {"deprecated-key-path": f"{place.folder}/key.json"} if old else {}


def pid_of(place: Place) -> int | None:
    """The daemon's process, where it lives and is truly this engine's."""
    try:
        pid = int((place.folder / "pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if f"{place.folder}/data".encode() in arguments else None


def stop(place: Place, *, kill: bool = False) -> None:
    """End the daemon; its data stays. With `kill` as a crash would: its containers live on."""
    pid = pid_of(place)
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
    deadline = time.monotonic() + _STOP_MOST
    while alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + _STOP_MOST
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process still runs (one that only waits to be reaped does not)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
