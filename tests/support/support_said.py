"""A hub beside the real dns and the real logs role: a shop whose containers have addresses and have said something."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from paramedic_core.clock import SystemClock
from paramedic_core.model import Endpoint
from paramedic_core.settings import LogsSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_logs.role import build
from support_dns import role as dns_role
from support_hub import Stand, stand
from support_logs import DockerLog
from support_ports import free_port
from support_shop import container_id
from support_wait import wait_until


@dataclass
class Said:
    """It."""

    stand: Stand
    engine: Path
    """The engine's folder."""
    logs: dict[str, DockerLog]

    def say(self, name: str, *texts: str, stream: str = "stdout", ago: float = 0.0) -> None:
        """A container says so, a millisecond apart."""
        log = self.logs.get(name)
        if log is None:
            log = self.logs[name] = DockerLog(self.engine / "containers", container_id(name))
        for place, text in enumerate(texts):
            log.line(text, stream=stream, ns=int((time.time() - ago) * 1e9) + place * 1_000_000)

    def wait_said(self, count: int) -> None:
        """Return when so many lines can be found."""
        client = RoleClient(socket_path(self.stand.house.data, "logs"), "logs")
        wait_until(lambda: len(client.get("/search?limit=5000")["lines"]) >= count)


@contextlib.contextmanager
def said(*, serve: bool = False, dns: bool = True, logs: bool = True) -> Iterator[Said]:
    """A hub over the shop, with its neighbours."""
    with contextlib.ExitStack() as later:
        found = later.enter_context(stand(serve=serve))
        engine = Path(later.enter_context(tempfile.TemporaryDirectory(prefix="pm-engine-")))
        (engine / "containers").mkdir()
        _address(found)
        found.house.update(engine=replace(found.house.world.engine, root_dir=str(engine)))
        if dns:
            later.enter_context(dns_role(found.house.data, port=free_port()))
        if logs:
            later.enter_context(_logs_role(found.house.data))
        found.wait_known()
        for role in [r for r, on in (("dns", dns), ("logs", logs)) if on]:
            RoleClient(socket_path(found.house.data, role), role).wait(within=20)
        yield Said(found, engine, {})


def _address(found: Stand) -> None:
    """Each project has a network, and each container that runs an address on it."""
    nets = {p: n for n, p in enumerate(sorted({c.project for c in found.house.world.containers.values()}), start=1)}
    for place, c in enumerate(found.house.world.containers.values(), start=2):
        net = nets[c.project]
        address = f"172.29.{net}.{place}" if c.running else ""
        found.house.change(replace(c, endpoints=(Endpoint(c.project, f"{c.project}-id", address, f"172.29.{net}.1"),)))


@contextlib.contextmanager
def _logs_role(data: Path) -> Iterator[None]:
    built = build(Settings(logs=LogsSettings(seal_after=0.1)), data, "host1", SystemClock())
    server = RoleServer(standard_routes(built), [unix_listener(socket_path(data, "logs"))])
    for component in built.components:
        component.start()
    server.start()
    try:
        yield
    finally:
        server.stop()
        for component in reversed(built.components):
            component.stop()


def events(body: bytes) -> list[tuple[str, dict[str, object]]]:
    """Server-sent events as name and data."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found
