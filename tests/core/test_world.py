"""World: found, compared, changed, and written to the wire and back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.codec import from_plain, to_plain
from paramedic_core.errors import Conflict
from paramedic_core.model import Container, Health, State
from paramedic_core.world import Acting, Change, Engine, EngineStatus, Hands, World, apply, diff

IDS = ["a" * 64, "b" * 64, "abcd" + "0" * 60, "abce" + "0" * 60]
_text = st.text(max_size=8)
_time = st.floats(0, 4e9, allow_nan=False)
_containers = st.builds(
    Container,
    id=st.sampled_from(IDS),
    name=_text,
    state=st.sampled_from(State),
    health=st.sampled_from(Health),
    restarts=st.integers(0, 9),
    started_at=_time,
    starts=st.lists(_time, max_size=3).map(tuple),
    labels=st.dictionaries(_text, _text, max_size=3),
)
_worlds = st.builds(
    World,
    host=st.just("h"),
    epoch=st.just("e"),
    version=st.just(1),
    at=_time,
    engine=st.builds(Engine, status=st.sampled_from(EngineStatus), reason=_text, swarm=st.booleans()),
    hands=st.builds(Hands, ready=st.booleans(), frozen=st.booleans()),
    containers=st.lists(_containers, max_size=4).map(lambda cs: {c.id: c for c in cs}),
    acting=st.dictionaries(st.sampled_from(IDS), st.builds(Acting, verb=_text, key=_text, since=_time), max_size=2),
    grants=st.dictionaries(_text, _text, max_size=2),
)


def world(*containers, **more):
    return World(host="h", epoch="e", version=1, at=0.0, containers={c.id: c for c in containers}, **more)


def box(number, name="", **more):
    return Container(id=IDS[number], name=name or f"c{number}", state=State.RUNNING, **more)


@given(_worlds, _worlds)
def test_a_change_leads_from_one_world_to_the_other(old, new):
    new = replace(new, version=2)
    change = from_plain(Change, json.loads(json.dumps(to_plain(diff(old, new)))))
    assert apply(old, change) == new


@given(_worlds)
def test_a_world_survives_the_wire(one):
    assert from_plain(World, json.loads(json.dumps(to_plain(one)))) == one


@pytest.mark.parametrize(("epoch", "version"), [("other", 2), ("e", 1), ("e", 3)])
def test_a_change_that_does_not_follow_is_refused(epoch, version):
    with pytest.raises(Conflict, match="subscribe anew"):
        apply(world(), Change(epoch, version, 0.0))


def test_applying_leaves_the_old_world_as_it_was():
    old = world(box(0))
    new = apply(old, Change("e", 2, 1.0, containers={IDS[1]: box(1)}, gone=(IDS[0],)))
    assert (list(old.containers), list(new.containers)) == ([IDS[0]], [IDS[1]])


def test_find():
    one = world(box(0, "web"), box(2, "api"), box(3, "db"), box(1, "web"))
    assert one.find(IDS[0]).name == "web"
    assert one.find("api").id == IDS[2]
    assert one.find("aaaa").id == IDS[0]
    assert one.find("abcd").id == IDS[2]
    assert one.find("web") is None, "two have the name"
    for name in ("", "abc", "aaa", "nothing"):
        assert one.find(name) is None


def test_dependents_by_id_and_by_name():
    owner = box(0, "vpn")
    one = world(
        owner,
        box(1, network_mode=f"container:{IDS[0]}"),
        box(2, network_mode="container:vpn"),
        box(3, network_mode="host"),
    )
    assert {c.id for c in one.dependents(owner)} == {IDS[1], IDS[2]}
    assert not list(world(box(0, network_mode="container:")).dependents(box(1, "")))


def test_services_are_in_order():
    shop = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    one = world(box(0, "z", labels=shop), box(1, "y", labels=shop), box(2, "alone"))
    assert [(k, [c.name for c in v]) for k, v in one.services().items()] == [
        ("alone", ["alone"]),
        ("shop/web", ["y", "z"]),
    ]
