"""The real `paramedic run` as a child process, over an engine of the test's own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient

SHORT = {
    "healer.startup_grace": "0s",
    "healer.recovered_after": "2s",
    "healer.verified_after": "3s",
    "healer.backoff_first": "1s",
    "healer.backoff_most": "10s",
}
"""Shorter times than the defaults, for tests on a real engine."""


class Paramedic:
    """A supervisor with its roles.

    Args:
        host: the engine's address.
        data: the data directory.
        settings: dotted name → value, over `SHORT`.
        roles: which to run.
    """

    def __init__(self, host: str, data: Path, settings: Mapping[str, str], roles: tuple[str, ...]) -> None:
        self.host, self.data, self.roles = host, data, roles
        self.settings = {**SHORT, "runtime.engine": host, **settings}
        self.log = data.parent / "paramedic.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.runtime = RoleClient(data / "run/runtime.sock", "runtime")
        self.healer = RoleClient(data / "run/healer.sock", "healer")

    def start(self, env: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """Start, and wait until every role is ready unless told not to."""
        sets = [part for name, value in self.settings.items() for part in ("--set", f"{name}={value}")]
        roles = [part for role in self.roles for part in ("--role", role)]
        command = [sys.executable, "-m", "paramedic", "run", "--data", str(self.data), *sets, *roles]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=None if env is None else dict(env))
        for role in self.roles if wait else ():
            try:
                RoleClient(self.data / f"run/{role}.sock", role).wait(within=60)
            except ParamedicError as error:
                raise AssertionError(f"{role} is not ready: {error}\n{self.tail()}") from error

    def stop(self, *, kill: bool = False) -> None:
        """Stop as a service manager does, or kill -9 the supervisor; all roles are gone afterwards."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise AssertionError(f"paramedic did not stop:\n{self.tail()}") from None
        self.process = None
        assert kill or code == 0, f"paramedic ended with {code}:\n{self.tail()}"

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else "(no log)"

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this data directory."""
        command = [sys.executable, "-m", "paramedic", *args, "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def pid(self, role: str) -> int:
        """A role's process."""
        return int((self.data / f"run/{role}.pid").read_text())

    def journal(self, kind: str = "", name: str = "") -> list[dict[str, Any]]:
        """The healer's records, oldest first."""
        records = self.healer.get("/journal?limit=1000")["records"]
        return [r for r in records if (not kind or r["kind"] == kind) and (not name or r["name"] == name)]

    def wait_journal(self, kind: str, name: str, *, count: int = 1, within: float = 90.0) -> list[dict[str, Any]]:
        """Wait for the healer to have written so many records of a kind for a container."""
        end = time.monotonic() + within
        while True:
            with contextlib.suppress(ParamedicError):
                found = self.journal(kind, name)
                if len(found) >= count:
                    return found
            if time.monotonic() > end:
                told = [(r["kind"], r["name"], r.get("gate", ""), r.get("text", "")) for r in self.journal()][-20:]
                raise AssertionError(f"no {kind} of {name} within {within} s; the journal says {told}\n{self.tail()}")
            time.sleep(0.05)


@contextlib.contextmanager
def paramedic(
    host: str, *, roles: tuple[str, ...] = ("runtime", "healer"), start: bool = True, **settings: str
) -> Iterator[Paramedic]:
    """Run paramedic for a while; settings as `healer__windows="…"`.

    The folder has a short name, for the sockets, and lets every uid pass.
    """
    folder = Path(tempfile.mkdtemp(prefix="pm-", dir="/tmp"))
    folder.chmod(0o755)
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    running = Paramedic(host, folder / "data", dotted, roles)
    try:
        if start:
            running.start()
        yield running
    finally:
        if running.process is not None:
            running.process.send_signal(signal.SIGTERM)
            try:
                running.process.wait(8)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait(5)
        shutil.rmtree(folder, ignore_errors=True)
