"""Names asked for inside real containers, before, during and after a heal, and while everything else is down."""

from __future__ import annotations

import ipaddress
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import UIDS, socket_path
from support_dns import ZONE, nslookup, role
from support_engine import PrivateEngine
from support_paramedic import Paramedic, paramedic

WEB = f"web.names.svc.{ZONE}"
CHECK = ["--health-cmd", "test ! -e /tmp/sick", "--health-interval", "300ms", "--health-retries", "1"]
WELL_AGAIN = ("sh", "-c", "rm -f /tmp/sick; sleep 1; exec sleep 100000")


class Street:
    """A network with a service of two and an asker; a second network with another; a third that is internal."""

    def __init__(self, engine: PrivateEngine) -> None:
        self.engine = engine
        engine.docker("network", "create", "names-front")
        engine.docker("network", "create", "names-back")
        engine.docker("network", "create", "--internal", "names-inner")
        for number in ("1", "2"):
            labels = self.labels("web", number, "paramedic.heal=true")
            # `sleep` as process 1 hears no SIGTERM: a restart takes the whole stop timeout.
            options = [*labels, *CHECK, "--network", "names-front", "--stop-timeout", "5"]
            engine.run(f"names-web-{number}", *WELL_AGAIN, options=options)
        engine.run("names-ask", options=[*self.labels("ask", "1"), "--network", "names-front"])
        engine.run("names-far", options=["--network", "names-back"])
        engine.run("names-deep", options=["--network", "names-inner"])
        engine.run("names-deep-ask", options=["--network", "names-inner"])
        for number in ("1", "2"):
            engine.wait(lambda n=number: self.health(n) == "healthy")

    def labels(self, service: str, number: str, *more: str) -> list[str]:
        compose = "com.docker.compose"
        pairs = (f"{compose}.project=names", f"{compose}.service={service}", f"{compose}.container-number={number}")
        return [part for pair in (*pairs, *more) for part in ("--label", pair)]

    def health(self, number: str) -> str:
        return str(self.engine.inspect(f"names-web-{number}")["State"]["Health"]["Status"])

    def address(self, name: str) -> str:
        return str(next(iter(self.engine.inspect(name)["NetworkSettings"]["Networks"].values()))["IPAddress"])

    def gateway(self, network: str) -> str:
        ask = ("network", "inspect", network, "--format", "{{(index .IPAM.Config 0).Gateway}}")
        return self.engine.docker(*ask).partition("/")[0]

    def inside(self, name: str) -> tuple[str, ...]:
        """The network namespace of a container: usable when the engine is gone too."""
        return ("nsenter", "-t", str(self.engine.inspect(name)["State"]["Pid"]), "-n")

    def exec(self, name: str) -> tuple[str, ...]:
        return ("docker", "-H", self.engine.host, "exec", name)

    def remove(self) -> None:
        names = ("names-web-1", "names-web-2", "names-ask", "names-far", "names-deep", "names-deep-ask")
        self.engine.remove(*names)
        self.engine.docker("network", "rm", "names-front", "names-back", "names-inner", check=False)


@pytest.fixture
def street(own_engine: PrivateEngine) -> Iterator[Street]:
    made = Street(own_engine)
    try:
        yield made
    finally:
        made.remove()


def wait_names(running: Paramedic, count: int) -> RoleClient:
    """Wait until dns knows so many containers."""
    client = RoleClient(socket_path(running.data, "dns"), "dns")
    end = time.monotonic() + 20
    while True:
        try:
            known = {m["container"] for r in client.get("/records")["records"] for m in r["members"]}
        except ParamedicError:
            known = set()
        if len(known) >= count:
            client.wait(within=10)
            return client
        assert time.monotonic() < end, known
        time.sleep(0.05)


def test_before_during_and_after_a_heal_on_port_53(street: Street) -> None:
    at, one, two = street.gateway("names-front"), street.address("names-web-1"), street.address("names-web-2")
    inside = street.exec("names-ask")
    # The real process, with its own uid and the right to port 53 alone.
    roles = ("runtime", "collector", "healer", "hub", "dns")
    quiet = {"hub__listen": "127.0.0.1:0", "collector__listen": ""}
    with paramedic(street.engine.host, roles=roles, dns__port="53", **quiet) as running:
        client = wait_names(running, 6)
        assert nslookup(WEB, at, inside=inside)[0] == {one, two}
        assert os.geteuid() or f"\nUid:\t{UIDS['dns']}\t" in Path(f"/proc/{running.pid('dns')}/status").read_text()
        seen: list[tuple[float, set[str]]] = []
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                began = time.time()
                seen.append((began, nslookup(WEB, at, inside=inside)[0]))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            street.engine.docker("exec", "names-web-1", "touch", "/tmp/sick")
            running.wait_journal("outcome", "names-web-1")
            street.engine.wait(lambda: seen[-1][1] == {one, two})
        finally:
            stop.set()
            watcher.join(30)
        both = ("health_status: unhealthy", "restart")
        events = street.engine.wait_events(
            lambda found: {e["Action"] for e in found} == {*both}, target="names-web-1", actions=both
        )
        sick, restarted = (next(e for e in events if e["Action"] == a) for a in both)
        assert all(found for _, found in seen), "the name always resolved"
        # From soon after the engine's word (a busy machine's second) until it was started again it was never given.
        during = [f for t, f in seen if sick["timeNano"] / 1e9 + 1.5 < t < restarted["timeNano"] / 1e9]
        assert all(found == {two} for found in during), during
        assert any(found == {two} for _, found in seen), "it was out for a while"
        for other in ("hub", "healer", "runtime"):
            os.kill(running.pid(other), signal.SIGKILL)
        for _ in range(5):
            assert nslookup(WEB, at, inside=inside)[0] == {one, two}, "names do not need the others"
        shown = client.get(f"/resolve?name={WEB}&type=A&from=names-ask")
        assert {r["value"] for r in shown["records"]} == {one, two}


def test_each_asker_gets_what_it_shares_a_network_with(street: Street) -> None:
    front, back = street.gateway("names-front"), street.gateway("names-back")
    with paramedic(street.engine.host, roles=("runtime",)) as running, role(running.data, port=53):
        client = wait_names(running, 6)
        found, said = nslookup(WEB, back, inside=street.exec("names-far"))
        assert not found, said
        assert "NXDOMAIN" not in said, "it is there, and not for this asker"
        # Asked at the gateway of a network that it is not on, it is still who it is.
        assert not nslookup(WEB, front, inside=street.inside("names-far"))[0]
        why = client.get(f"/resolve?name={WEB}&type=A&from=names-far")
        assert "no shared network" in why["why"]
        far = street.address("names-far")
        assert nslookup(f"names-far.ct.{ZONE}", back, inside=street.exec("names-far"))[0] == {far}
        assert nslookup(WEB, "127.0.0.1")[0] == {street.address("names-web-1"), street.address("names-web-2")}
        said = nslookup(f"_self.{ZONE}", front, "txt", inside=street.exec("names-ask"))[1]
        assert "container=names-ask" in said
        reverse = ipaddress.ip_address(street.address("names-web-2")).reverse_pointer
        back_again = nslookup(reverse, front, "ptr", inside=street.exec("names-ask"))[1]
        assert f"2.{WEB}" in back_again


def test_an_internal_network_is_answered_too(street: Street) -> None:
    with paramedic(street.engine.host, roles=("runtime",)) as running, role(running.data, port=53):
        wait_names(running, 6)
        bridge = street.gateway("names-inner")
        found, said = nslookup(f"names-deep.ct.{ZONE}", bridge, inside=street.exec("names-deep-ask"))
        assert found == {street.address("names-deep")}, said


def test_names_go_on_while_everything_else_is_down(street: Street) -> None:
    at, both = street.gateway("names-front"), {street.address("names-web-1"), street.address("names-web-2")}
    inside = street.inside("names-ask")
    with paramedic(street.engine.host) as running:
        with role(running.data, port=53):
            wait_names(running, 6)
            running.stop(kill=True)
            assert nslookup(WEB, at, inside=inside)[0] == both
            street.engine.stop_daemon(kill=True)
            assert nslookup(WEB, at, inside=inside)[0] == both
        # dns alone starts anew: no runtime, no engine; what it knew is on its disk.
        with role(running.data, port=53) as again:
            street.engine.wait(lambda: nslookup(WEB, at, inside=inside)[0] == both, within=10)
            ready = {c.name: c.ready() for c in again.components}
            assert all(r.ready for r in ready.values()), ready
            assert "before this role started" in ready["names"].reason
        # This engine ends its containers when it starts after a crash (no --live-restore): they come back changed.
        street.engine.start_daemon()
        street.engine.docker("start", "names-ask", "names-web-2", "names-web-1")
        running.start()
        with role(running.data, port=53):
            both = {street.address("names-web-1"), street.address("names-web-2")}
            inside = street.inside("names-ask")
            street.engine.wait(lambda: nslookup(WEB, at, inside=inside)[0] == both)


def test_a_container_that_publishes_the_port_is_told_and_yielded_to(own_engine: PrivateEngine) -> None:
    own_engine.docker("network", "create", "names-pub")
    options = ["--network", "names-pub", "-p", "0.0.0.0:53:53/udp"]
    own_engine.run("names-other", options=options)
    try:
        with paramedic(own_engine.host, roles=("runtime",)) as running, role(running.data, port=53) as built:
            client = RoleClient(socket_path(running.data, "dns"), "dns")
            names = next(c for c in built.components if c.name == "names")
            own_engine.wait(lambda: "names-other" in names.ready().reason)
            assert not names.ready().ready
            own_engine.remove("names-other")
            client.wait(within=20)
            assert nslookup(f"dns-version.{ZONE}", "127.0.0.1", "txt")[1].count('text = "1"') == 1
    finally:
        own_engine.remove("names-other")
        own_engine.docker("network", "rm", "names-pub", check=False)


def test_a_network_that_a_container_leaves_takes_its_address_along_at_once(street: Street) -> None:
    at, one, two = street.gateway("names-front"), street.address("names-web-1"), street.address("names-web-2")
    inside, engine = street.exec("names-ask"), street.engine
    # No list comes to the rescue.
    with paramedic(engine.host, roles=("runtime",), runtime__resync="1h") as running, role(running.data, port=53):
        wait_names(running, 6)
        engine.wait(lambda: nslookup(WEB, at, inside=inside)[0] == {one, two})
        engine.docker("network", "disconnect", "names-front", "names-web-1")
        engine.wait(lambda: nslookup(WEB, at, inside=inside)[0] == {two})
        try:
            engine.run("names-thief", options=["--network", "names-front"])
            # Most engines give it the address that has become free.
            assert nslookup(WEB, at, inside=inside)[0] == {two}, f"the other is {street.address('names-thief')}"
            engine.docker("network", "connect", "names-front", "names-web-1")
            moved = street.address("names-web-1")
            engine.wait(lambda: nslookup(WEB, at, inside=inside)[0] == {moved, two})
        finally:
            engine.remove("names-thief")
