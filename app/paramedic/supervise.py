"""`python -m paramedic.supervise JSON`: what `paramedic run` turns into, with nothing imported that the roles do not share.

Memory: the roles are forked from this process, so what is imported here is paid for once; what only one role needs
(Flask, docker, prometheus_client), and what nobody needs any more (click, yaml, pydantic), must stay out.
"""

from __future__ import annotations

import gc

gc.disable()  # before the imports: a collection would leave holes in the pages that the roles are to share

import fcntl  # noqa: E402
import json  # noqa: E402, F401  as sqlite3
import logging  # noqa: E402
import os  # noqa: E402
import sqlite3  # noqa: E402, F401  shared by runtime, healer and hub
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import paramedic_core.sys.feed  # noqa: E402
import paramedic_core.sys.server  # noqa: E402, F401  shared by all roles
from paramedic import installation, layout, logline  # noqa: E402
from paramedic.loading import load_now  # noqa: E402
from paramedic.options import Options  # noqa: E402
from paramedic.roles import SPECS, Spec, chosen  # noqa: E402
from paramedic.supervisor import Supervisor  # noqa: E402
from paramedic_core.errors import ConfigError, ParamedicError  # noqa: E402
from paramedic_core.sys import processes  # noqa: E402
from paramedic_core.sys.files import write_atomic  # noqa: E402
from paramedic_core.sys.identity import host_id, separated  # noqa: E402
from paramedic_core.sys.tokens import TokenStore  # noqa: E402

log = logging.getLogger("paramedic.supervisor")


def main(options: Options, specs: Sequence[Spec] = SPECS, *, ask_every: float = 10.0) -> int:
    """Run the roles; returns the exit status: 0 after a clean stop, 1 when it cannot start."""
    logline.set_up("supervisor", "info")
    processes.title("paramedic: supervisor")
    try:
        picked = chosen(options.roles, tuple(specs))
        if os.geteuid() == 0:
            installation.hold_open()
        settings = load_now(options)
        logline.set_up("supervisor", settings.log_level)
        data = Path(settings.data).absolute()
        layout.prepare(data, picked)
        lock = _lock(data)
        host = host_id(data)
        _first_token(data)
        if not separated():
            log.warning("not started as root: all roles share one uid, so there is no boundary between them")
        try:
            return Supervisor(picked, settings, options, data, host, ask_every=ask_every).run()
        finally:
            os.close(lock)
    except (ParamedicError, OSError) as error:
        for line in str(error).splitlines():
            log.error("%s", line)  # noqa: TRY400  the text is for the person who starts it; a trace would hide it
        return 1
    except Exception:
        log.exception("the supervisor ended by an error, and its roles with it")
        return 1


def _lock(data: Path, within: float = 1.0) -> int:
    """Be the only supervisor of this data directory.

    Waits a moment for one that was killed: its children hold the lock too, until the kernel has ended them.

    Raises:
        ConfigError: there is one already.
    """
    path = data / "run" / "supervisor.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    end = time.monotonic() + within
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(fd)
                raise ConfigError(
                    f"another paramedic (process {holder}) runs on {data}: stop it, or name another folder with --data"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            return fd


def _first_token(data: Path) -> None:
    """At the first start, make one admin token, readable by root alone."""
    store = TokenStore(data / "tokens.json")
    kept = data / "admin-token"
    if kept.exists() or store.list():
        return
    write_atomic(kept, f"{store.create('admin', 'admin')}\n".encode(), 0o600)
    log.info("made an admin token: it is in %s", kept)


if __name__ == "__main__":
    sys.exit(main(Options.of(sys.argv[1])))
