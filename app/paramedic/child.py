"""What a role's process does from its fork to its end."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from paramedic import installation, logline
from paramedic.door import Door
from paramedic.roles import Spec
from paramedic_core.clock import Clock, SystemClock
from paramedic_core.errors import ConfigError, ParamedicError
from paramedic_core.fault import fault
from paramedic_core.settings import Settings
from paramedic_core.sys import haste, processes
from paramedic_core.sys.identity import GID, separated, socket_path, uid_of
from paramedic_core.sys.role import Role, standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener

log = logging.getLogger("paramedic.child")
READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Birth:
    """What the supervisor hands to a new child."""

    spec: Spec
    settings: Settings
    data: Path
    host: str
    ready_fd: int
    """Gets `READY` when the role is started and serves."""
    parent: int


def live(birth: Birth) -> NoReturn:
    """Be the role until SIGTERM. All signals are blocked when this is called, just after the fork."""
    status = 1
    try:
        processes.die_with_parent(birth.parent)
        _live(birth)
        status = 0
    except ConfigError as error:
        log.error("%s", error)  # noqa: TRY400  the text is for the person who set it; a trace would hide it
        status = 3
    except ParamedicError as error:
        log.error("cannot start: %s", error)  # noqa: TRY400  as above
    except BaseException:
        log.exception("the role %s ended by an error", birth.spec.name)
    finally:
        # No unwinding: the frames above belong to the supervisor that this process was forked from.
        os._exit(status)


def _live(birth: Birth) -> None:
    spec = birth.spec
    asked = threading.Event()
    _own_signals(asked)
    processes.close_inherited((birth.ready_fd, *installation.descriptors()))
    processes.title(f"paramedic: {spec.name}")
    logline.set_up(spec.name, birth.settings.log_level)
    os.umask(0o077)
    door = Door(spec.name)
    listeners = _listen(birth, door)
    _become(birth)
    processes.one_pool()
    if birth.spec.nice:
        # Its thread comes after the rights are gone: capabilities are a thread's own.
        haste.be_nice(birth.spec.nice)
    gc.enable()
    fault("child.before_build")
    role = _build(birth, SystemClock())
    processes.let_go_of_code()
    listeners += _more_listeners(role, spec, birth.settings, door)
    role = replace(role, components=(*role.components, door))
    server = RoleServer(standard_routes(role), listeners, tls=role.tls)
    door.serve_with(server.add)
    started: list[Callable[[], None]] = []
    try:
        for component in role.components:
            started.append(component.stop)
            component.start()
        server.start()
        started.append(server.stop)
        fault("child.before_ready")
        log.debug("started")
        with contextlib.suppress(BrokenPipeError):
            os.write(birth.ready_fd, READY)
        processes.give_back()
        asked.wait()
    finally:
        _stop(started)


def _own_signals(asked: threading.Event) -> None:
    processes.reset_signals()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _listen(birth: Birth, door: Door) -> list[socket.socket]:
    """Bind what needs root: its socket in a folder of root's, and its addresses, which may be below port 1024."""
    uid, gid = (uid_of(birth.spec.name), GID) if os.geteuid() == 0 else (-1, -1)
    listeners = [unix_listener(socket_path(birth.data, birth.spec.name), 0o660, uid, gid)]
    return listeners + door.open(a for a in birth.spec.listens(birth.settings) if a)


def _more_listeners(role: Role, spec: Spec, settings: Settings, door: Door) -> list[socket.socket]:
    bound = spec.listens(settings)
    return door.open(address for address in role.listen if address and address not in bound)


def _become(birth: Birth) -> None:
    processes.seal()
    if os.geteuid() == 0 and separated():
        processes.drop_rights(uid_of(birth.spec.name), GID, birth.spec.capabilities)
        processes.die_with_parent(birth.parent)


def _build(birth: Birth, clock: Clock) -> Role:
    module = importlib.import_module(birth.spec.module)
    role = module.build(birth.settings, birth.data, birth.host, clock)
    if not isinstance(role, Role):
        raise TypeError(f"{birth.spec.module}.build gave {type(role).__name__}, not a Role")
    return role


def _stop(started: list[Callable[[], None]]) -> None:
    for stop in reversed(started):
        try:
            stop()
        except Exception:
            log.exception("stopping a part failed; going on with the next")
    sys.stderr.flush()
