"""The demo's paramedic: a real `paramedic run` with its own data directory, configuration and ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paramedic_core.errors import ParamedicError, PeerAway
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path

NEEDED = ("runtime", "collector", "healer", "hub")
"""The roles that the demo waits for; the others start too."""
MARK = "made-by"
"""In the demo's folder: which installation made it, so that `make clean` can tell its own from another's."""
# However the demo ends, its paramedic ends too: the kernel sees to it.
_BOUND = (
    "import os, sys; from paramedic_core.sys.processes import die_with_parent; "
    "die_with_parent(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
CONFIG = """\
# The demo's configuration: waits are shortened so that all fits into two minutes. The defaults stand in brackets.
node: demo
runtime:
  engine: {engine}
  connect_timeout: {connect_timeout}       # [5s]
hub:
  listen: 127.0.0.1:{hub}
collector:
  listen: 127.0.0.1:{collector}
dns:
  port: 53                  # [5311] containers can ask no other
  listen: ["{gateway}"]     # [on every network of the engine's]
healer:
  startup_grace: 2s         # [10s]
  recovered_after: 2s       # [10s]
  verified_after: 4s        # [1m]
  verify_deadline: {verify_deadline}      # [5m]
  backoff_first: 2s         # [10s]
  crash_loop_restarts: 3    # [5]
"""


class Paramedic:
    """One `paramedic run`.

    Args:
        engine: the engine's address.
    """

    def __init__(self, engine: str) -> None:
        # Short, because unix sockets are below it; open to pass through, because each role has a uid of its own.
        self._base = Path(tempfile.mkdtemp(prefix="pmd-", dir="/tmp"))
        self._base.chmod(0o755)
        (self._base / MARK).write_text(sys.prefix)
        self.data = self._base / "data"
        self._engine = engine
        self._hub, self._collector = _free_ports(2)
        self.page = f"http://127.0.0.1:{self._hub}/"
        self._process: subprocess.Popen[bytes] | None = None

    def client(self, role: str) -> RoleClient:
        """A client of one of its roles."""
        return RoleClient(socket_path(self.data, role), role)

    def configure(self, patience: float, gateway: str) -> str:
        """Write its configuration, and return it.

        Args:
            gateway: the host's address on the demo's network; names are answered there and nowhere else.
            patience: by how much waits are longer than on an ordinary machine.
        """
        text = CONFIG.format(
            engine=self._engine,
            hub=self._hub,
            collector=self._collector,
            gateway=gateway,
            connect_timeout=f"{5 * patience:g}s",
            verify_deadline=f"{15 * patience:g}s",
        )
        (self._base / "paramedic.yaml").write_text(text)
        return text

    def start(self, within: float) -> None:
        """Start it, and return when every role is ready.

        Args:
            within: seconds until every role must be ready.

        Raises:
            PeerAway: one is not, in time; the text has the log's end.
        """
        file = self._base / "paramedic.yaml"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PARAMEDIC_", "DOCKER_"))}
        command = [sys.executable, "-P", "-c", _BOUND, str(os.getpid())]
        command += ["-P", "-m", "paramedic", "run", "--config", str(file), "--data", str(self.data)]
        with (self._base / "log").open("wb") as log:
            # A session of its own: Ctrl-C at the terminal is ours, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter, no shell
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + within
        for role in NEEDED:
            self._wait(role, deadline)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join((self._base / "log").read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _wait(self, role: str, deadline: float) -> None:
        while True:
            try:
                self.client(role).wait(within=1.0)
            except ParamedicError as error:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise PeerAway(f"paramedic did not start: {error}\n{self.log_tail()}") from error
            else:
                return

    def stop(self) -> None:
        """Stop it within 10 seconds, and remove what it kept."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        shutil.rmtree(self._base, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
