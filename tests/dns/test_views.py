"""Who is who, and who is given what."""

from __future__ import annotations

from ipaddress import IPv4Interface

import pytest

from paramedic_core.model import Health, Port, State
from paramedic_core.world import Acting
from paramedic_dns import wire as w
from paramedic_dns.lookup import look_back, look_up
from paramedic_dns.names import reverse, text, wire
from paramedic_dns.netif import Interface
from paramedic_dns.views import Kind, identify, ours
from paramedic_dns.zone import build
from support_dns import ZONE, container, place, replica, shop, world

LOCAL = (
    Interface("lo", IPv4Interface("127.0.0.1/8")),
    Interface("eth0", IPv4Interface("192.0.2.7/24")),
    Interface("br-front-id", IPv4Interface("172.30.0.1/16")),
    Interface("br-back-id", IPv4Interface("172.31.0.1/16")),
)
WEB = "web.shop.svc"


def who(zone, address: str, here: str = "172.30.0.1"):
    return identify(zone, address, here, LOCAL)


def get(zone, asker, name: str, kind: int = w.A):
    return look_up(zone, asker, wire(f"{name}.{ZONE}"), kind, 5)


def given(answer) -> list[str]:
    return [".".join(map(str, r.data)) for r in answer.answers if r.type == w.A]


@pytest.mark.parametrize(
    ("address", "kind", "networks"),
    [
        ("127.0.0.1", Kind.HOST, set()),
        ("127.9.9.9", Kind.HOST, set()),
        ("172.30.0.1", Kind.HOST, set()),
        ("192.0.2.7", Kind.HOST, set()),
        ("172.30.0.2", Kind.CONTAINER, {"front-id"}),
        ("172.30.9.9", Kind.NETWORK, {"front-id"}),
        ("192.0.2.8", Kind.STRANGER, set()),
        ("nonsense", Kind.STRANGER, set()),
    ],
)
def test_who_asks(address: str, kind: Kind, networks: set[str]) -> None:
    asker = who(build(shop(), ZONE), address)
    assert (asker.kind, set(asker.networks)) == (kind, networks)


def test_nobody_but_the_host_is_known_before_anything_is() -> None:
    assert who(None, "127.0.0.1").kind is Kind.HOST
    assert who(None, "172.30.0.2").kind is Kind.STRANGER


def test_only_the_healthy_on_a_shared_network() -> None:
    zone = build(shop(), ZONE)
    for address in ("172.30.0.2", "172.30.9.9", "127.0.0.1"):
        found = get(zone, who(zone, address), WEB)
        assert given(found) == ["172.30.0.2", "172.30.0.3"], address
        assert found.answers[0].ttl == 5
        assert found.why is None


def test_none_shared_is_no_data_with_a_reason() -> None:
    zone = build(shop(), ZONE)
    found = get(zone, who(zone, "172.31.0.2", "172.31.0.1"), WEB)
    assert (found.rcode, given(found)) == (w.NOERROR, [])
    assert found.authority[0].type == w.SOA
    assert found.authority[0].ttl == 1
    assert "no shared network" in found.why[1]
    assert "front" in found.why[1]


def test_a_target_that_is_acted_on_is_out_of_service() -> None:
    acting = {replica(1, "").id: Acting("restart", "k", 0.0)}
    zone = build(world(replica(1, "172.30.0.2"), replica(2, "172.30.0.3"), acting=acting), ZONE)
    assert given(get(zone, who(zone, "127.0.0.1"), WEB)) == ["172.30.0.3"]
    assert given(get(zone, who(zone, "127.0.0.1"), f"1.{WEB}")) == ["172.30.0.2"], "its own name stays"


def test_all_unhealthy_is_all_of_them_to_be_forgotten_at_once() -> None:
    sick = [replica(n, f"172.30.0.{n + 1}", Health.UNHEALTHY) for n in (1, 2)]
    zone = build(world(*sick), ZONE)
    host = who(zone, "127.0.0.1")
    found = get(zone, host, WEB)
    assert given(found) == ["172.30.0.2", "172.30.0.3"]
    assert {r.ttl for r in found.answers} == {1}
    assert "0 of 2" in found.why[1]
    strict = get(zone, host, f"healthy.{WEB}")
    assert (given(strict), strict.rcode, strict.authority[0].ttl) == ([], w.NOERROR, 1)
    assert given(get(zone, host, f"all.{WEB}")) == ["172.30.0.2", "172.30.0.3"]


def test_the_stopped_are_never_given() -> None:
    zone = build(world(replica(1, "172.30.0.2", state=State.EXITED)), ZONE)
    found = get(zone, who(zone, "127.0.0.1"), WEB)
    assert (given(found), found.rcode) == ([], w.NOERROR)
    assert "exited" in found.why[1]


def test_one_address_each_on_the_network_where_it_asked() -> None:
    both = (place("172.30.0.2", "front"), place("172.31.0.2", "back"))
    zone = build(
        world(container("db", *both), container("ask", place("172.30.0.9"), place("172.31.0.9", "back"))), ZONE
    )
    name = "db.default.svc"
    assert given(get(zone, who(zone, "172.30.0.9", "172.30.0.1"), name)) == ["172.30.0.2"]
    assert given(get(zone, who(zone, "172.31.0.9", "172.31.0.1"), name)) == ["172.31.0.2"]
    assert given(get(zone, who(zone, "127.0.0.1"), name)) == ["172.30.0.2", "172.31.0.2"], "the host reaches all"


def test_a_container_of_the_hosts_network_is_where_the_host_is() -> None:
    zone = build(world(container("edge", network_mode="host"), replica(1, "172.30.0.2")), ZONE)
    assert given(get(zone, who(zone, "172.30.0.2"), "edge.ct")) == ["172.30.0.1"]
    assert given(get(zone, who(zone, "127.0.0.1"), "edge.ct")) == ["127.0.0.1"]
    assert given(get(zone, who(zone, "172.30.0.2"), "host1.node")) == ["172.30.0.1"]


def test_srv_leads_to_instances_with_their_addresses() -> None:
    zone = build(world(*(replica(n, f"172.30.0.{n + 1}", ports=(Port(80), Port(53, "udp"))) for n in (1, 2))), ZONE)
    host = who(zone, "127.0.0.1")
    found = get(zone, host, f"_80._tcp.{WEB}", w.SRV)
    assert [text(r.data[6:]) for r in found.answers] == [f"{n}.{WEB}.{ZONE}." for n in (1, 2)]
    assert {r.data[:6] for r in found.answers} == {b"\0\0\0\x32\0\x50"}
    assert len(found.additional) == 2
    assert len(get(zone, host, WEB, w.SRV).answers) == 4, "all ports"
    assert get(zone, host, f"_80._tcp.{WEB}").answers == ()


def test_reverse_names_for_those_who_share() -> None:
    zone = build(shop(), ZONE)
    key = reverse("172.30.0.3")
    found = look_back(zone, who(zone, "172.30.0.2"), key, w.PTR, 5)
    assert [text(r.data) for r in found.answers] == [f"2.{WEB}.{ZONE}."]
    assert look_back(zone, who(zone, "172.31.0.2", "172.31.0.1"), key, w.PTR, 5).rcode == w.NXDOMAIN
    from ipaddress import IPv4Address

    assert ours(zone, IPv4Address("172.30.200.200"), LOCAL)
    assert not ours(zone, IPv4Address("192.0.2.9"), LOCAL)


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "count"),
    [
        (WEB, w.AAAA, w.NOERROR, 0),
        (WEB, 1000, w.NOERROR, 0),
        (WEB, w.ANY, w.NOERROR, 1),
        (WEB, w.TXT, w.NOERROR, 3),
        ("svc", w.A, w.NOERROR, 0),
        ("shop.svc", w.A, w.NOERROR, 0),
        ("nobody.shop.svc", w.A, w.NXDOMAIN, 0),
        (f"x.1.{WEB}", w.A, w.NXDOMAIN, 0),
        ("dns-version", w.TXT, w.NOERROR, 1),
        ("_self", w.TXT, w.NOERROR, 8),
        ("_self", w.A, w.NOERROR, 0),
    ],
)
def test_types_and_names_that_are_not_there(name: str, kind: int, rcode: int, count: int) -> None:
    zone = build(shop(), ZONE)
    found = get(zone, who(zone, "172.30.0.2"), name, kind)
    assert (found.rcode, len(found.answers)) == (rcode, count)
    assert bool(found.authority) is (count == 0), "what is not there comes with the SOA (RFC 2308)"


def test_the_zone_itself() -> None:
    zone = build(shop(), ZONE)
    host = who(zone, "127.0.0.1")
    for kind in (w.SOA, w.NS, w.ANY):
        assert len(look_up(zone, host, zone.apex, kind, 5).answers) == 1
    assert not look_up(zone, host, zone.apex, w.A, 5).answers
    assert given(get(zone, host, "ns.dns")) == ["172.30.0.1"]


def test_same_asker_same_names_same_records() -> None:
    zone, again = build(shop(), ZONE), build(shop(), ZONE)
    asker = who(zone, "172.30.0.2")
    assert get(zone, asker, WEB).answers == get(again, asker, WEB).answers
    assert asker.view == who(zone, "172.30.0.3").view, "askers of the same networks share kept answers"
    assert asker.view != who(zone, "172.31.0.2", "172.31.0.1").view
