"""The codec is strict about types, and passes over what it does not know."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.codec import from_plain, to_plain
from paramedic_core.config.load import load
from paramedic_core.errors import BadInput
from paramedic_core.settings import Secret, Settings
from paramedic_core.world import Change, World


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    number: int = 0


@dataclass(frozen=True)
class Outer:
    name: str
    real: float = 0.0
    yes: bool = False
    colour: Colour = Colour.RED
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    table: Mapping[str, int] = field(default_factory=dict)
    anything: object = None
    secret: Secret = field(default=Secret(""))


_outer = st.builds(
    Outer,
    name=st.text(max_size=5),
    real=st.floats(allow_nan=False, allow_infinity=False),
    yes=st.booleans(),
    colour=st.sampled_from(Colour),
    inner=st.builds(Inner, st.integers()),
    maybe=st.none() | st.builds(Inner, st.integers()),
    many=st.lists(st.builds(Inner, st.integers()), max_size=3).map(tuple),
    table=st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    secret=st.text(max_size=3).map(Secret),
)


@given(_outer)
def test_there_and_back(value):
    assert from_plain(Outer, to_plain(value)) == value


def test_defaults_stay_out_and_unknown_fields_are_passed_over():
    assert to_plain(Outer("a")) == {"name": "a"}
    assert from_plain(Outer, {"name": "a", "from_the_future": [1]}) == Outer("a")


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ([], "Outer: an object was expected"),
        ({}, "Outer: name missing"),
        ({"name": 1}, "Outer.name: str was expected, not int"),
        ({"name": None}, "Outer.name"),
        ({"name": "a", "real": "1"}, "Outer.real: float"),
        ({"name": "a", "real": True}, "Outer.real: float was expected, not bool"),
        ({"name": "a", "yes": 1}, "Outer.yes: bool"),
        ({"name": "a", "colour": "green"}, "Outer.colour: 'green' is none of red, blue"),
        ({"name": "a", "colour": []}, "Outer.colour"),
        ({"name": "a", "inner": {"number": True}}, "Outer.inner.number: int was expected, not bool"),
        ({"name": "a", "maybe": 3}, "Outer.maybe: an object"),
        ({"name": "a", "many": {}}, "Outer.many: a list"),
        ({"name": "a", "many": [{}, 3]}, r"Outer.many\[1\]: an object"),
        ({"name": "a", "table": {"x": "y"}}, "Outer.table.x: int"),
        ({"name": "a", "secret": 3}, "Outer.secret"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(plain, says):
    with pytest.raises(BadInput, match=says):
        from_plain(Outer, plain)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(_json, st.sampled_from([Outer, World, Change, Settings]))
def test_foreign_json_is_read_or_bad_input(plain, kind):
    with contextlib.suppress(BadInput):
        from_plain(kind, plain)


def test_what_has_no_plain_form():
    with pytest.raises(TypeError, match="no plain form"):
        to_plain(object())


def test_settings_survive_the_way_to_another_process():
    settings = load(
        sets=["healer.services.a/b=off", "healer.windows=[]", "hub.listen=off", "hub.allowed_hosts=a,b"]
    ).settings
    assert from_plain(Settings, to_plain(settings)) == settings
