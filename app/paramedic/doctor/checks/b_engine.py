"""Is the engine there, and one that paramedic can work with?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from paramedic.doctor.base import BAD, OK, WARN, Facts, Verdict, check

_OLDEST_API = (1, 41)
_USUAL = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")


@check("engine")
def engine(facts: Facts) -> Iterator[Verdict]:
    if facts.world is None:
        yield from _socket(facts)
        return
    found = facts.world.engine
    if found.connected:
        yield Verdict(OK, f"{found.version} (API {found.api_version}) answers at {found.address}")
        return
    mend = "systemctl start docker (or name another address: runtime.engine)"
    yield Verdict(BAD, f"the engine is {found.status}: {found.reason}", mend)


def _socket(facts: Facts) -> Iterator[Verdict]:
    """While runtime is away: what can be said without opening the socket."""
    address = facts.settings.runtime.engine or facts.environ.get("DOCKER_HOST", "")
    if address and not address.startswith("unix://"):
        return
    paths = [Path(address.removeprefix("unix://"))] if address else [Path(p) for p in _USUAL]
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if not stat.S_ISSOCK(mode):
            yield Verdict(BAD, f"{path} is no socket", "name the engine's own with runtime.engine")
        elif not os.access(path, os.R_OK | os.W_OK):
            mend = "sudo usermod -aG docker $USER (which is as good as root), or start paramedic as root"
            yield Verdict(BAD, f"no right to open the engine's socket {path}", mend)
        else:
            yield Verdict(OK, f"the engine's socket {path} is there")
        return
    where = f"at {paths[0]}" if address else "at any of the usual places"
    mend = "install and start Docker (apt install docker.io), or name its address: runtime.engine=unix:///…"
    yield Verdict(BAD, f"there is no engine's socket {where}", mend)


@check("engine's API")
def api_version(facts: Facts) -> Iterator[Verdict]:
    version = facts.world.engine.api_version if facts.world else ""
    parts = version.split(".")
    if len(parts) == 2 and all(p.isdecimal() for p in parts) and (int(parts[0]), int(parts[1])) < _OLDEST_API:
        what = f"the engine speaks API {version}; 1.41 is the oldest that paramedic is tested with"
        yield Verdict(BAD, what, "upgrade the engine to 20.10 or later")


@check("rootless")
def rootless(facts: Facts) -> Iterator[Verdict]:
    if facts.world and facts.world.engine.rootless:
        what = (
            "the engine is rootless: containers' addresses cannot be reached from the host, so probes and scrapes of"
            " them fail, and limits need cgroup v2 with systemd"
        )
        yield Verdict(WARN, what, "publish the ports that must be reached, or use an engine that runs as root")


@check("other healers: Swarm")
def swarm(facts: Facts) -> Iterator[Verdict]:
    if facts.world and facts.world.engine.swarm:
        tasks = [c for c in facts.containers() if c.task]
        if tasks:
            what = f"Swarm itself replaces its {len(tasks)} tasks here; paramedic observes them and never restarts them"
            yield Verdict(OK, what)
