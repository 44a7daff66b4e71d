"""One life of the real runtime role, without a supervisor: `python -m support_runtime_life DATA ENGINE`.

Says `ready` on standard output when it serves; ends when standard input does, or by a fault point.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from paramedic_core.clock import SystemClock
from paramedic_core.settings import RuntimeSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import GID, socket_path
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener


class Life:
    """A runtime process, as the test sees it.

    Args:
        data: the data directory, which other uids can enter.
        engine: the engine's address.
        faults: fault point → the file that it makes when it kills.
    """

    def __init__(self, data: Path, engine: str, faults: Mapping[str, Path] | None = None) -> None:
        self.socket = socket_path(data, "runtime")
        self.client = RoleClient(self.socket, "runtime")
        armed = ",".join(f"{name}={path}" for name, path in (faults or {}).items())
        with (data / "runtime.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support_runtime_life", str(data), engine],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PARAMEDIC_FAULTS": armed},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.close()

    def close(self) -> int:
        """End it, if it has not ended; its status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(10)


def main(data: Path, engine: str) -> None:
    """Be the role until standard input ends."""
    # Here, so that the test's own process never imports the engine's client.
    from paramedic_runtime.role import build

    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(process)d %(name)s %(message)s")
    role = build(Settings(runtime=RuntimeSettings(engine=engine)), data, "h1", SystemClock())
    gid = GID if os.geteuid() == 0 else -1
    server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, "runtime"), 0o660, -1, gid)])
    for component in role.components:
        component.start()
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop()
    for component in reversed(role.components):
        component.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
