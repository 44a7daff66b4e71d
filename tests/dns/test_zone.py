"""What names a World has, and what becomes of names that meet."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_core import model
from paramedic_core.model import Health, Port, State
from paramedic_core.world import Acting
from paramedic_dns.lookup import look_up
from paramedic_dns.names import text, wire
from paramedic_dns.slim import same_names, slim
from paramedic_dns.views import identify
from paramedic_dns.zone import Rule, Zone, build
from support_dns import ZONE, container, place, replica, shop, world


def zone_of(*containers, **fields) -> Zone:
    return build(world(*containers, **fields), ZONE, "Node_1")


def entry(zone: Zone, name: str):
    return zone.entries.get(wire(f"{name}.{ZONE}"))


def test_the_grammar() -> None:
    zone = build(shop(), ZONE, "Node_1")
    assert entry(zone, "web.shop.svc").rule is Rule.SERVICE
    assert len(entry(zone, "web.shop.svc").members) == 3
    assert {p: entry(zone, f"{p}.web.shop.svc").rule for p in ("all", "healthy", "headless", "tasks")} == {
        "all": Rule.ALL, "healthy": Rule.HEALTHY, "headless": Rule.SERVICE, "tasks": Rule.SERVICE,
    }  # fmt: skip
    assert [m.container.name for m in entry(zone, "2.web.shop.svc").members] == ["shop_web_2"]
    assert entry(zone, "shop-web-1.ct").of == entry(zone, "shop_web_1.ct").of == "shop_web_1"
    assert entry(zone, f"{replica(1, '').id[:12]}.ct").of == "shop_web_1"
    assert entry(zone, "loner.default.svc").of == "loner"
    assert entry(zone, "node-1.node").rule is entry(zone, "host1.node").rule is Rule.HOST
    assert {text(k) for k in zone.inner} >= {f"{n}.{ZONE}." for n in ("svc", "shop.svc", "ct", "node")}
    assert wire(ZONE) not in zone.inner


def test_ports_have_names() -> None:
    labels = {**replica(1, "").labels, "paramedic.dns.srv._http._tcp": "8080", "paramedic.dns.srv._x._quic": "1"}
    zone = zone_of(replica(1, "172.30.0.2", ports=(Port(80), Port(53, "udp")), labels=labels))
    for name in ("_80._tcp", "_53._udp", "_http._tcp"):
        assert entry(zone, f"{name}.web.shop.svc").members
    assert entry(zone, "_x._quic.web.shop.svc") is None
    assert wire(f"_tcp.web.shop.svc.{ZONE}") in zone.inner


def test_swarm_names() -> None:
    labels = {
        model.SWARM_SERVICE: "shop_api", model.SWARM_STACK: "shop", model.SWARM_TASK: "t1",
        "com.docker.swarm.task.name": "shop_api.2.abcdef",
    }  # fmt: skip
    zone = zone_of(container("shop_api.2.abcdef", place("10.0.1.3", "over"), labels=labels))
    assert entry(zone, "2.api.shop.svc") is not None
    assert entry(zone, "api.shop.svc") is not None


def test_one_off_containers_serve_nobody() -> None:
    labels = {**replica(1, "").labels, model.COMPOSE_ONEOFF: "True"}
    zone = zone_of(replica(1, "172.30.0.2"), container("shop_web_run_x", place("172.30.0.9"), labels=labels))
    assert len(entry(zone, "web.shop.svc").members) == 1
    assert entry(zone, "shop-web-run-x.ct") is not None


def test_who_is_in_service_and_why_not() -> None:
    names = {
        "a": container("a", place("172.30.0.2")),
        "b": container("b", place("172.30.0.3"), health=Health.STARTING),
        "c": container("c", place("172.30.0.4"), state=State.PAUSED),
        "d": container("d", place("172.30.0.5"), health=Health.HEALTHY),
    }
    acting = {names["d"].id: Acting("restart", "k", 0.0)}
    zone = zone_of(*names.values(), acting=acting)
    why = {n: entry(zone, f"{n}.ct").members[0].why for n in names}
    assert why == {"a": "", "b": "starting", "c": "paused", "d": "being acted on (restart)"}


def test_the_stopped_have_no_place() -> None:
    gone = container("gone", place("172.30.0.2"), state=State.EXITED)
    zone = zone_of(gone)
    assert not entry(zone, "gone.ct").members[0].places
    assert not zone.sources
    assert not zone.back


def test_a_network_that_is_shared_is_its_owners() -> None:
    owner = container("vpn", place("172.30.0.2"))
    guest = container("app", network_mode=f"container:{owner.id}")
    zone = zone_of(owner, guest)
    assert entry(zone, "app.ct").members[0].places == owner.endpoints
    assert zone.sources["172.30.0.2"] == owner, "who asks from there is the owner"
    down = zone_of(replace(owner, state=State.EXITED), guest)
    assert "vpn" in entry(down, "app.ct").members[0].why


def test_the_older_service_keeps_a_name_and_the_other_is_told() -> None:
    one = container("a.b", place("172.30.0.2"), created_at=10.0)
    two = container("a-b", place("172.30.0.3"), created_at=5.0)
    zone = zone_of(one, two)
    assert entry(zone, "a-b.default.svc").of == "a-b"
    assert ("a-b", "a.b") in {(c.kept, c.lost) for c in zone.conflicts}
    assert build(world(two, one), ZONE, "Node_1").entries.keys() == zone.entries.keys()


def test_an_instance_that_is_named_as_a_prefix_is_has_the_name() -> None:
    labels = {model.SWARM_SERVICE: "api", "com.docker.swarm.task.name": "api.all.x"}
    zone = zone_of(container("api.all.x", place("10.0.1.3", "over"), labels=labels))
    assert entry(zone, "all.api.default.svc").rule is Rule.ONE


def test_instances_that_share_a_number_are_one_name() -> None:
    zone = zone_of(replica(1, "172.30.0.2"), replica(1, "172.30.0.3", name="abc_shop_web_1", id="f" * 64))
    assert len(entry(zone, "1.web.shop.svc").members) == 2


def test_names_that_are_too_long_are_left_out_and_told() -> None:
    labels = {model.COMPOSE_PROJECT: "p" * 63, model.COMPOSE_SERVICE: "s" * 63, model.COMPOSE_NUMBER: "n" * 63}
    labels["paramedic.dns.srv._" + "q" * 60 + "._tcp"] = "1"
    labels["paramedic.dns.srv._" + "r" * 63 + "._tcp"] = "1"
    zone = build(world(container("x", place("172.30.0.2"), labels=labels)), "a" * 50 + ".internal")
    assert all(len(k) <= 255 for k in zone.entries)
    assert any("255" in c.kept for c in zone.conflicts)


_ANY = st.text(max_size=70)
_FOREIGN = st.builds(
    lambda name, n, project, service, number, port, address, mode: container(
        name, place(address, project[:9]), id=f"{n:064x}", created_at=float(n % 3), network_mode=mode,
        ports=(Port(n % 70000, port[:5] or "tcp"), Port(80)),
        labels={
            model.COMPOSE_PROJECT: project, model.COMPOSE_SERVICE: service, model.COMPOSE_NUMBER: number,
            f"paramedic.dns.srv.{port}": number, f"paramedic.dns.srv._{name}._tcp": "80",
        },
    ),
    _ANY, st.integers(0, 9), _ANY, _ANY, _ANY, _ANY, st.sampled_from(["", "172.30.0.2", "1.2.3", "::1"]),
    st.sampled_from(["bridge", "host", "none", "container:", "container:x", f"container:{1:064x}"]),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(_FOREIGN, max_size=5))
def test_no_foreign_name_breaks_it(containers) -> None:
    seen = world(*containers)
    zone, again = (
        build(slim(seen), ZONE, "Nöde"),
        build(replace(seen, containers=dict(reversed(seen.containers.items()))), ZONE, "Nöde"),
    )
    assert zone.entries.keys() == again.entries.keys()
    assert {k: e.of for k, e in zone.entries.items()} == {k: e.of for k, e in again.entries.items()}
    host = identify(zone, "127.0.0.1", "127.0.0.1", ())
    for key in zone.entries:
        assert len(key) <= 255
        assert wire(text(key)) == key, "every name can be asked for"
        for kind in (1, 33, 16, 255):
            look_up(zone, host, key, kind, 5)


def test_ipv6_alone_is_not_an_address_here() -> None:
    zone = zone_of(container("six", place("2001:db8::2")))
    assert not entry(zone, "six.ct").members[0].places


def test_only_what_names_depend_on_counts_as_a_change() -> None:
    one = shop()
    noisy = {
        k: replace(c, failing_streak=3, pid=7, restarts=2, labels={**c.labels, "x": "y"})
        for k, c in one.containers.items()
    }
    assert same_names(slim(one), slim(replace(one, version=9, containers=noisy)))
    assert not same_names(slim(one), slim(replace(one, acting={replica(1, "").id: Acting("restart", "k", 0.0)})))
