"""Hand-made Worlds of names, a real dns role, and ways to ask it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dns import message, query, rcode

from paramedic_core.clock import SystemClock
from paramedic_core.model import (
    COMPOSE_NUMBER,
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    Container,
    Endpoint,
    Health,
    State,
)
from paramedic_core.settings import DnsSettings, Settings
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role, standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_core.world import Engine, EngineStatus, World
from paramedic_dns.keep import Keep
from paramedic_dns.role import build
from paramedic_dns.server import DnsServer
from paramedic_dns.stats import Stats
from support_ports import free_port

ZONE = "paramedic.internal"


def place(address: str, network: str = "front") -> Endpoint:
    """A place on a network whose gateway ends in .1."""
    gateway = address.rpartition(".")[0] + ".1" if address else ""
    return Endpoint(network, f"{network}-id", address, gateway)


def container(name: str, *places: Endpoint, **fields) -> Container:
    """A running container without a health check."""
    base = Container(
        id=hashlib.sha256(name.encode()).hexdigest(),
        name=name,
        state=State.RUNNING,
        created_at=1000.0,
        endpoints=places,
    )
    return replace(base, **fields)


def replica(number: int, address: str, health: Health = Health.HEALTHY, **fields) -> Container:
    """A replica of the service web of the project shop."""
    labels = {COMPOSE_PROJECT: "shop", COMPOSE_SERVICE: "web", COMPOSE_NUMBER: str(number)}
    base = container(f"shop_web_{number}", place(address), health=health, labels=labels)
    return replace(base, **fields)


def world(*containers: Container, **fields) -> World:
    """A World of a connected engine."""
    base = World("host1", "epoch1", 1, time.time(), Engine(EngineStatus.CONNECTED))
    return replace(base, containers={c.id: c for c in containers}, **fields)


def shop() -> World:
    """Two healthy replicas, one that is not, and a stranger on another network."""
    return world(
        replica(1, "172.30.0.2"),
        replica(2, "172.30.0.3"),
        replica(3, "172.30.0.4", Health.UNHEALTHY),
        container("loner", place("172.31.0.2", "back")),
    )


@contextlib.contextmanager
def server(folder: Path, seen: World | None = None, **settings) -> Iterator[DnsServer]:
    """A real server on loopback, with its sockets open."""
    settings = {"port": free_port(), "forward_timeout": 1.0, **settings}
    stats = Stats()
    keep = Keep(folder / "world", stats, every=0.05)
    running = DnsServer(DnsSettings(**settings), "node1", keep, stats, SystemClock())
    running.settings, running.stats = DnsSettings(**settings), stats
    keep.start()
    running.start()
    try:
        if seen is not None:
            running.take(seen)
            until(lambda: running.zone is not None)
        until(lambda: running.doors.open or running.doors.shut)
        yield running
    finally:
        running.stop()
        keep.stop()


def until(holds, within: float = 30.0) -> None:
    """Poll until it holds."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"does not hold within {within} s")
        time.sleep(0.01)


def ask(running: DnsServer, name: str, kind: str = "A", *, tcp: bool = False, **options) -> message.Message:
    """Ask by the oracle's own client, dnspython."""
    wanted = message.make_query(name, kind, **{"use_edns": 0, **options})
    send = query.tcp if tcp else query.udp
    return send(wanted, "127.0.0.1", port=running.settings.port, timeout=15)


def addresses(found: message.Message) -> set[str]:
    """The addresses of an answer."""
    return {r.address for rrset in found.answer for r in rrset if hasattr(r, "address")}


def raw(running: DnsServer, packet: bytes, timeout: float = 0.3) -> bytes:
    """What comes back for a packet; empty when nothing does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.settimeout(timeout)
        plug.sendto(packet, ("127.0.0.1", running.settings.port))
        try:
            return plug.recv(65535)
        except TimeoutError:
            return b""


class Upstream:
    """Another server, on UDP and TCP, that answers as `answer(query message, tcp)` says; None: not at all."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.port = free_port()
        self.seen: list[tuple[message.Message, int, bool]] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for plug in (self._udp, self._tcp):
            plug.bind(("127.0.0.1", self.port))
        self._tcp.listen(16)
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._serve_udp, self._serve_tcp)]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Upstream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        for plug in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()
        for thread in self._threads:
            thread.join(5)

    def _serve_udp(self) -> None:
        while True:
            try:
                data, peer = self._udp.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            self._reply(data, peer[1], False, lambda reply, to=peer: self._udp.sendto(reply, to))

    def _serve_tcp(self) -> None:
        while True:
            try:
                plug, peer = self._tcp.accept()
            except OSError:
                return
            with plug:
                data = plug.recv(65535)[2:]
                self._reply(
                    data, peer[1], True, lambda reply, to=plug: to.sendall(len(reply).to_bytes(2, "big") + reply)
                )

    def _reply(self, data, port, tcp, send) -> None:
        asked = message.from_wire(data)
        self.seen.append((asked, port, tcp))
        reply = self.answer(asked, tcp)
        for one in reply if isinstance(reply, list) else [reply]:
            if one is not None:
                with contextlib.suppress(OSError):
                    send(one if isinstance(one, bytes) else one.to_wire(max_size=65535))


def answering(*lines: str, code: int = rcode.NOERROR):
    """An upstream's answer: records as text, `NAME TTL IN TYPE DATA`; `! ` before it: in the authority section."""

    def answer(asked: message.Message, tcp: bool):
        from dns import rrset

        reply = message.make_response(asked)
        reply.set_rcode(code)
        for line in lines:
            name, ttl, klass, kind, data = line.removeprefix("! ").split(" ", 4)
            section = reply.authority if line.startswith("! ") else reply.answer
            section.append(rrset.from_text(name, int(ttl), klass, kind, data))
        return reply

    return answer


@contextlib.contextmanager
def role(data: Path, **settings) -> Iterator[Role]:
    """The dns role as its process runs it, on the World of the runtime in `data`."""
    built = build(Settings(dns=DnsSettings(**settings)), data, "host1", SystemClock())
    http = RoleServer(standard_routes(built), [unix_listener(socket_path(data, "dns"))])
    for component in built.components:
        component.start()
    http.start()
    try:
        yield built
    finally:
        http.stop()
        for component in reversed(built.components):
            component.stop()


def nslookup(name: str, at: str, kind: str = "a", *, inside: tuple[str, ...] = ()) -> tuple[set[str], str]:
    """Ask with busybox's nslookup, inside a container or namespace: the addresses, and all that it said."""
    if inside[:1] != ("docker",) and shutil.which("busybox") is None:
        pytest.skip("there is no busybox on this machine (Debian: busybox-static)")
    command = [*inside, "busybox", "nslookup", f"-type={kind}", name, at]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    said = done.stdout + done.stderr
    return set(re.findall(r"^Address:\s+([0-9.]+)$", said.partition("Name:")[2], re.MULTILINE)), said
