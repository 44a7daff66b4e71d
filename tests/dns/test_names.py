"""Foreign names become labels, always the same ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_dns import names


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("web", ("web",)),
        ("Web", ("web",)),
        ("my_app", ("my-app", "my_app")),
        ("my.app", ("my-app",)),
        ("_web_", ("web", "_web_")),
        ("über", ("ber",)),
    ],
)
def test_spellings(text: str, labels: tuple[str, ...]) -> None:
    assert names.spellings(text) == labels


def test_nothing_left_and_too_long() -> None:
    assert names.label("...").startswith("x-")
    assert names.label("...") != names.label("---")
    one, two = names.label("a" * 70), names.label("a" * 71)
    assert len(one) <= 63
    assert one != two
    assert one[:56] == two[:56]


@given(st.text(max_size=100))
def test_every_text_is_a_label(text: str) -> None:
    for label in names.spellings(text):
        assert 0 < len(label) <= 63
        assert names.wire(label + ".zone") == bytes((len(label),)) + label.encode() + b"\x04zone\x00"
    assert names.label(text) == names.label(text)


@pytest.mark.parametrize("text", ["a..b", "." * 3 + "a", "a" * 64, "a." * 130, "ü.b"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError):
        names.wire(text)


def test_below_goes_by_labels_not_by_letters() -> None:
    zone = names.wire("paramedic.internal")
    assert names.below(names.wire("web.paramedic.internal"), zone)
    assert names.below(zone, zone)
    assert not names.below(names.wire("xparamedic.internal"), zone)
    assert not names.below(names.wire("internal"), zone)
    # A label that ends in the zone's own bytes is not below it.
    assert not names.below(b"\x16x" + zone[:-1] + b"x\x00", zone)


def test_reverse_names_and_back() -> None:
    key = names.reverse("172.30.0.4")
    assert names.text(key) == "4.0.30.172.in-addr.arpa."
    assert str(names.address_of(key)) == "172.30.0.4"
    for text in ("30.172.in-addr.arpa", "a.0.30.172.in-addr.arpa", "4.0.30.1722.in-addr.arpa", "web.shop"):
        assert names.address_of(names.wire(text)) is None


def test_text_shows_strange_bytes_as_numbers() -> None:
    assert names.text(b"\x03a.b\x02\x00\xff\x00") == "a\\046b.\\000\\255."
