"""The server on real sockets: UDP, kept answers, changes of World, addresses and ports."""

from __future__ import annotations

import os
import random
import secrets
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dns import flags, message, query, rcode

from paramedic_core.errors import ConfigError
from paramedic_core.model import Endpoint, Health
from paramedic_core.settings import DnsSettings
from paramedic_core.world import Acting, Engine, EngineStatus
from paramedic_dns import server as dns_server
from support_dns import ZONE, addresses, ask, container, raw, replica, server, shop, until, world
from support_ports import free_port

WEB = f"web.shop.svc.{ZONE}"


def test_names_over_udp_and_tcp(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        for tcp in (False, True):
            found = ask(running, WEB, tcp=tcp)
            assert addresses(found) == {"172.30.0.2", "172.30.0.3"}
            assert found.flags & flags.AA
            assert found.flags & flags.RA
            assert ask(running, f"nobody.{ZONE}", tcp=tcp).rcode() == rcode.NXDOMAIN
        assert running.stats.get("coredns_dns_requests_total", proto="tcp", type="A") == 2


def test_kept_answers_are_those_that_were_built_and_take_turns(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        firsts = [next(iter(ask(running, WEB).answer[0])).address for _ in range(6)]
        assert set(firsts) == {"172.30.0.2", "172.30.0.3"}
        # Not always five: a bridge of somebody else's that comes or goes meanwhile has them built again.
        assert running.stats.get("paramedic_dns_prebuilt_total") >= 3
        assert running.stats.get("coredns_dns_requests_total", proto="udp", type="A") == 6


def test_mixed_letters_come_back_as_they_were_asked(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        name = "".join(random.choice((c.upper(), c.lower())) for c in WEB)
        found = ask(running, name)
        assert str(found.question[0].name) == name + "."
        assert addresses(found) == {"172.30.0.2", "172.30.0.3"}


def test_a_flood_of_new_questions_fills_no_memory(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        for n in range(300):
            ask(running, f"{n}.nobody.{ZONE}")
            ask(running, "".join(random.choice((c.upper(), c)) for c in "W" + WEB[1:]))
        kept = running.loop.ask(lambda: sum(len(v) for v in running.desk._views.values()), -1)
        assert 0 <= kept <= 1


def test_a_new_world_changes_answers_at_once(tmp_path: Path) -> None:
    before = shop()
    with server(tmp_path, before) as running:
        assert len(addresses(ask(running, WEB))) == 2
        acting = replace(before, acting={replica(1, "").id: Acting("restart", "k", 0.0)}, at=time.time())
        running.take(acting)
        until(lambda: addresses(ask(running, WEB)) == {"172.30.0.3"})
        healed = {**before.containers, replica(3, "").id: replica(3, "172.30.0.4", Health.HEALTHY)}
        running.take(replace(before, containers=healed))
        until(lambda: len(addresses(ask(running, WEB))) == 3)
        text = running.stats.render()
        assert "paramedic_dns_programming_duration_seconds_count 3" in text


def test_a_world_that_changes_no_name_changes_nothing(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        ask(running, WEB)
        same = shop()
        noisy = {k: replace(c, failing_streak=9) for k, c in same.containers.items()}
        running.take(replace(same, containers=noisy, version=2))
        ask(running, WEB)
        assert running.stats.get("paramedic_dns_zone_builds_total") == 1


def test_an_engine_that_is_away_takes_no_name_away(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        running.take(world(engine=Engine(EngineStatus.AWAY), version=9))
        running.take(world(engine=Engine(EngineStatus.STARTING), epoch="epoch2"))
        assert len(addresses(ask(running, WEB))) == 2
        assert running.ready().ready


def test_before_anything_is_known_names_are_not_denied(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        found = ask(running, WEB)
        assert found.rcode() == rcode.SERVFAIL
        assert "nothing is known" in str(found.options[0])
        assert not running.ready().ready


@pytest.mark.parametrize("flag", [0x8000, 0x7800])
def test_answers_and_odd_opcodes_on_the_wire(tmp_path: Path, flag: int) -> None:
    with server(tmp_path, shop()) as running:
        packet = bytearray(message.make_query(WEB, "A").to_wire())
        packet[2] |= flag >> 8
        reply = raw(running, bytes(packet), 0.3 if flag == 0x8000 else 5.0)
        assert reply == b"" if flag == 0x8000 else message.from_wire(reply).rcode() == rcode.NOTIMP
        assert raw(running, b"\x00" * 5) == b""
        assert addresses(ask(running, WEB)), "and it goes on"


def test_zone_transfers_are_refused(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        assert ask(running, ZONE, "AXFR").rcode() == rcode.NOTIMP
        packet = message.make_query(ZONE, "AXFR").to_wire()
        with socket.create_connection(("127.0.0.1", running.settings.port), 5) as plug:
            plug.sendall(len(packet).to_bytes(2, "big") + packet)
            assert message.from_wire(plug.recv(4096)[2:]).rcode() == rcode.REFUSED


def test_junk_neither_stops_nor_slows_it(tmp_path: Path) -> None:
    rng = random.Random(7)
    with server(tmp_path, shop()) as running:
        good = message.make_query(WEB, "A", use_edns=0).to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
            for _ in range(2000):
                cut = bytearray(good[: rng.randrange(len(good))] + rng.randbytes(rng.randrange(40)))
                if cut:
                    cut[rng.randrange(len(cut))] ^= rng.randrange(256)
                plug.sendto(bytes(cut), ("127.0.0.1", running.settings.port))
        began = time.perf_counter()
        assert addresses(ask(running, WEB))
        assert time.perf_counter() - began < 5
        assert running.loop.errors == 0
        assert running.healthy().ready


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a bridge came or a port became free is looked for every fifth of a second, not every five."""
    monkeypatch.setattr(dns_server, "_AGAIN", 0.2)


@pytest.mark.usefixtures("looks_often")
def test_a_port_that_is_taken_is_told_and_tried_again(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with server(tmp_path, shop(), port=port) as running:
            assert not running.ready().ready
            assert f"something else holds port {port}" in running.ready().reason
            taken.close()
            until(lambda: running.ready().ready)
            assert addresses(ask(running, WEB))


def test_another_listener_for_tcp_alone_is_in_the_way_too(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), server(tmp_path, shop(), port=port) as running:
        assert "something else holds" in running.ready().reason
        assert raw(running, message.make_query(WEB, "A").to_wire()) == b"", "all or nothing"


def test_addresses_may_be_named(tmp_path: Path) -> None:
    with server(tmp_path, shop(), listen=("127.0.0.2", "192.0.2.1")) as running:
        assert running.doors.open == {("127.0.0.2", running.settings.port)}
        assert "192.0.2.1 is no address of this host" in running.ready().reason


@pytest.mark.parametrize("listen", ["0.0.0.0", "::1", "here", "127.0.0.1:53", "224.0.0.1"])
def test_wildcards_and_nonsense_are_wrong_settings(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"dns\.listen"), server(tmp_path, listen=(listen,)):
        pass


def test_several_sockets_are_served_fairly_by_one_loop(tmp_path: Path) -> None:
    with server(tmp_path, shop(), listen=("127.0.0.1", "127.0.0.3")) as running:
        packet = message.make_query(WEB, "A").to_wire()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loud,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        ):
            for _ in range(500):
                loud.sendto(packet, ("127.0.0.1", running.settings.port))
            one.settimeout(15)
            one.sendto(packet, ("127.0.0.3", running.settings.port))
            _, peer = one.recvfrom(4096)
            assert peer[0] == "127.0.0.3", "the answer leaves from the address that was asked"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a bridge")
@pytest.mark.usefixtures("looks_often")
def test_a_bridge_that_comes_is_opened_and_one_that_goes_is_closed(tmp_path: Path) -> None:
    network = secrets.token_hex(32)
    bridge, gateway = f"br-{network[:12]}", "198.18.53.1"
    far = container("far", Endpoint("inner", network, "198.18.53.2"))
    with server(tmp_path, world(far)) as running:
        door = (gateway, running.settings.port)
        assert door not in running.doors.open
        ip("link", "add", bridge, "type", "bridge")
        try:
            ip("addr", "add", f"{gateway}/24", "dev", bridge)
            until(lambda: door in running.doors.open)
            found = query.udp(message.make_query(f"far.ct.{ZONE}", "A"), gateway, port=door[1], timeout=5)
            assert addresses(found) == {"198.18.53.2"}
        finally:
            ip("link", "del", bridge)
        until(lambda: door not in running.doors.open)
        assert running.ready().ready


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=20, capture_output=True)


def test_settings_defaults() -> None:
    assert DnsSettings().port == 5311
    assert DnsSettings().forward_timeout < 4, "Docker's own resolver gives up after 4 s"
