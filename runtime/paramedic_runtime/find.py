"""Where the engine is: `runtime.engine`, else DOCKER_HOST, else the usual sockets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from paramedic_core.errors import EngineAway

USUAL = ("/run/docker.sock", "/var/run/docker.sock")


def engine_address(
    setting: str,
    environment: Mapping[str, str] | None = None,
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
) -> str:
    """The engine's address.

    Args:
        setting: `runtime.engine`; a path alone is a unix socket.
        environment: the process', unless given.
        exists: whether a path is there.

    Raises:
        EngineAway: nothing is set, and there is no usual socket.
    """
    environment = os.environ if environment is None else environment
    chosen = setting or environment.get("DOCKER_HOST", "")
    if chosen:
        return f"unix://{chosen}" if chosen.startswith("/") else chosen
    looked = [*USUAL, *_rootless(environment)]
    for path in looked:
        if exists(path):
            return f"unix://{path}"
    raise EngineAway(
        f"no engine: there is no socket at {', '.join(dict.fromkeys(looked))}; install and start Docker"
        " (apt-get install docker.io), or say where it is with runtime.engine or DOCKER_HOST",
        retry_after=2.0,
    )


def _rootless(environment: Mapping[str, str]) -> list[str]:
    # docs.docker.com/engine/security/rootless: the socket is $XDG_RUNTIME_DIR/docker.sock.
    folders = [environment.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.geteuid()}"]
    return [f"{folder}/docker.sock" for folder in folders if folder]
