"""Other names: asked of other servers, remembered, and what happens when those fail or lie."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from dns import edns, flags, message, rcode

from paramedic_core.errors import ConfigError
from paramedic_dns import resolv
from support_dns import Upstream, addresses, answering, ask, raw, server, shop, until
from support_ports import free_port

GOOD = answering("www.example. 60 IN A 192.0.2.80")
SOA = "! example. 300 IN SOA ns.example. me.example. 1 2 3 4 30"


def test_forwarded_and_remembered_with_the_time_running_down(tmp_path: Path) -> None:
    with Upstream(GOOD) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        first = ask(running, "www.example")
        assert addresses(first) == {"192.0.2.80"}
        assert first.flags & flags.RA
        assert not first.flags & flags.AA
        assert addresses(ask(running, "WWW.example", tcp=True)) == {"192.0.2.80"}
        assert len(other.seen) == 1
        time.sleep(1.1)
        assert ask(running, "www.example").answer[0].ttl < 60
        assert running.stats.get("coredns_cache_hits_total", type="success") == 2


def test_localhost_is_whoever_asks_and_nobody_else_is_asked(tmp_path: Path) -> None:
    with (
        Upstream(answering("localhost. 60 IN A 192.0.2.80")) as other,
        server(tmp_path, shop(), upstreams=(other.address,)) as running,
    ):
        for name in ("localhost", "LocalHost", "web.localhost"):
            assert addresses(ask(running, name)) == {"127.0.0.1"}
            assert addresses(ask(running, name, "AAAA")) == {"::1"}
        nothing = ask(running, "localhost", "MX")
        assert (nothing.rcode(), nothing.answer, len(nothing.authority)) == (rcode.NOERROR, [], 1)
        assert ask(running, "web.invalid").rcode() == rcode.NXDOMAIN
        assert other.seen == []
        ask(running, "notlocalhost")
        assert len(other.seen) == 1


def test_ids_and_ports_are_not_to_be_guessed(tmp_path: Path) -> None:
    with Upstream(answering()) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        for n in range(20):
            ask(running, f"{n}.example")
        assert len({asked.id for asked, _, _ in other.seen}) > 15
        assert len({port for _, port, _ in other.seen}) > 10


def test_what_is_not_there_is_remembered_as_its_soa_says(tmp_path: Path) -> None:
    with (
        Upstream(answering(SOA, code=rcode.NXDOMAIN)) as other,
        server(tmp_path, shop(), upstreams=(other.address,)) as running,
    ):
        for _ in range(2):
            assert ask(running, "no.example").rcode() == rcode.NXDOMAIN
        assert len(other.seen) == 1
        assert running.stats.get("coredns_cache_hits_total", type="denial") == 1


@pytest.mark.parametrize("lines", [["www.example. 0 IN A 192.0.2.80"], []])
def test_what_may_not_be_remembered_is_not(tmp_path: Path, lines: list[str]) -> None:
    with Upstream(answering(*lines)) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        for _ in range(2):
            ask(running, "www.example")
        assert len(other.seen) == 2


def test_the_same_question_at_one_time_is_asked_once(tmp_path: Path) -> None:
    go = threading.Event()

    def late(asked, tcp):
        go.wait(5)
        return GOOD(asked, tcp)

    with Upstream(late) as other, server(tmp_path, shop(), upstreams=(other.address,), forward_timeout=4) as running:
        found: list[set[str]] = []
        askers = [
            threading.Thread(target=lambda: found.append(addresses(ask(running, "www.example")))) for _ in range(8)
        ]
        for asker in askers:
            asker.start()
        until(lambda: running.stats.get("coredns_cache_misses_total") == 8)
        go.set()
        for asker in askers:
            asker.join(30)
        assert found == [{"192.0.2.80"}] * 8
        assert len(other.seen) == 1


def test_a_long_answer_comes_by_tcp(tmp_path: Path) -> None:
    lines = [f"www.example. 60 IN A 192.0.2.{n}" for n in range(200)]

    def long(asked, tcp):
        if tcp:
            return answering(*lines)(asked, tcp)
        short = message.make_response(asked)
        short.flags |= flags.TC
        return short

    with Upstream(long) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        short = ask(running, "www.example")
        assert short.flags & flags.TC
        assert len(addresses(ask(running, "www.example", tcp=True))) == 200
        assert [tcp for _, _, tcp in other.seen] == [False, True]


def test_liars_are_not_listened_to(tmp_path: Path) -> None:
    def lies(asked, tcp):
        truth = GOOD(asked, tcp)
        other_id = answering("www.example. 60 IN A 203.0.113.6")(asked, tcp)
        other_id.id = asked.id ^ 1
        other_name = answering("evil.example. 60 IN A 203.0.113.6")(
            message.make_query("evil.example", "A", id=asked.id), tcp
        )
        return [b"", b"junk", other_id, other_name, asked.to_wire(), truth]

    with Upstream(lies) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        assert addresses(ask(running, "www.example")) == {"192.0.2.80"}


def test_the_dead_cost_no_more_than_the_time_for_all(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with Upstream(lambda _asked, _tcp: None) as silent, Upstream(GOOD) as good:
        with server(tmp_path / "a", shop(), upstreams=(nobody, silent.address, good.address)) as running:
            began = time.monotonic()
            assert addresses(ask(running, "www.example")) == {"192.0.2.80"}
            assert time.monotonic() - began < 3
            ask(running, "two.example")
            assert len(silent.seen) == 1, "those that did not answer are asked last"
        with server(tmp_path / "b", shop(), upstreams=(silent.address,)) as running:
            began = time.monotonic()
            found = ask(running, "www.example")
            assert found.rcode() == rcode.SERVFAIL
            assert "no other server answered" in str(found.options[0])
            assert 0.8 < time.monotonic() - began < 4
            assert len(silent.seen) == 3, "a single one is asked twice, since packets are lost"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()


def test_refusals_lead_to_the_next_server(tmp_path: Path) -> None:
    with Upstream(answering(code=rcode.REFUSED)) as first, Upstream(answering(code=rcode.SERVFAIL)) as second:
        with Upstream(GOOD) as good:
            upstreams = (first.address, second.address, good.address)
            with server(tmp_path, shop(), upstreams=upstreams) as running:
                assert addresses(ask(running, "www.example")) == {"192.0.2.80"}
        with server(tmp_path, shop(), upstreams=(first.address, second.address)) as running:
            assert ask(running, "www.example").rcode() == rcode.SERVFAIL


def test_no_options_go_out_or_come_back(tmp_path: Path) -> None:
    def tagged(asked, tcp):
        reply = GOOD(asked, tcp)
        reply.use_edns(0, options=[edns.GenericOption(10, b"server's cookie.")])
        return reply

    with Upstream(tagged) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        found = ask(running, "www.example", options=[edns.GenericOption(10, b"12345678")], want_dnssec=True)
        assert not found.options
        assert found.ednsflags & flags.DO
        assert not other.seen[0][0].options
        assert other.seen[0][0].ednsflags & flags.DO
        assert ask(running, "www.example", use_edns=-1).edns == -1


def test_who_wants_no_recursion_gets_none(tmp_path: Path) -> None:
    with Upstream(GOOD) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        assert ask(running, "www.example", flags=0).rcode() == rcode.REFUSED
        assert not other.seen


def test_our_own_names_never_leave(tmp_path: Path) -> None:
    with Upstream(GOOD) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        ask(running, "nobody.paramedic.internal")
        assert not other.seen


def test_a_circle_ends(tmp_path: Path) -> None:
    port = free_port()
    with server(tmp_path, shop(), port=port, upstreams=(f"127.0.0.1:{port}",)) as running:
        found = ask(running, "www.example")
        assert found.rcode() == rcode.SERVFAIL
        assert "no other server is known" in str(found.options[0])

    def back(asked, tcp):
        raw(running, asked.to_wire(), 0.1)

    with Upstream(back) as other, server(tmp_path, shop(), upstreams=(other.address,)) as running:
        assert ask(running, "www.example").rcode() == rcode.SERVFAIL
        assert len(other.seen) == 2


def test_the_servers_of_resolv_conf_as_it_changes(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# a comment\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver fe80::1%eth0\nsearch x\n")
    found = resolv.Upstreams((), file)
    assert found.now(frozenset()) == [("192.0.2.1", 53), ("fe80::1", 53)]
    assert found.now(frozenset({("192.0.2.1", 53)})) == [("fe80::1", 53)], "never ourselves"
    monkeypatch.setattr(resolv, "_LOOK_EVERY", 0.0)
    file.unlink()
    assert len(found.now(frozenset())) == 2, "a file that is away changes nothing"
    file.write_text("nameserver 192.0.2.2\n")
    assert found.now(frozenset()) == [("192.0.2.2", 53)]


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_servers_in_settings(value: str, server: tuple[str, int]) -> None:
    assert resolv.parse(value) == server


@pytest.mark.parametrize("value", ["", "dns.example", "192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1:x"])
def test_wrong_servers_in_settings(value: str) -> None:
    with pytest.raises(ConfigError, match=r"dns\.upstreams"):
        resolv.parse(value)
