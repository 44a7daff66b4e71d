"""Calls to a role's socket as another uid: in a forked process, since the kernel itself says who calls."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic_core.errors import ParamedicError, Refused
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import GID


def call_as(
    uid: int,
    socket: Path,
    path: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    gid: int = GID,
) -> Any:
    """The JSON answer, or the name of the error as a text: `Refused:not_healer`, `Conflict`, `PeerAway`.

    Args:
        uid: who calls.
        socket: the role's socket.
        path: what is asked for.
        body: POST this; None: GET.
        headers: more headers.
        gid: the caller's group.
    """
    read_fd, write_fd = os.pipe()
    with warnings.catch_warnings():
        # The child calls one function and ends without unwinding, so the parent's threads do not matter to it.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os.close(read_fd)
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            with os.fdopen(write_fd, "w") as out:
                json.dump(_call(socket, path, body, headers), out)
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def _call(socket: Path, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None) -> Any:
    client = RoleClient(socket, "runtime")
    try:
        return client.get(path) if body is None else client.post(path, body, headers=headers, timeout=60)
    except Refused as error:
        return f"Refused:{error.code}"
    except ParamedicError as error:
        return type(error).__name__
