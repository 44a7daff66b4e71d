"""Local addresses, DNS servers and domains: read, and refused with advice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.config import netnames
from paramedic_core.config.units import Wrong


@pytest.mark.parametrize(("text", "read"), [("127.0.0.1", "127.0.0.1"), (" 172.17.0.1 ", "172.17.0.1")])
def test_local_addresses(text: str, read: str) -> None:
    assert netnames.local_address(text) == read


@pytest.mark.parametrize("value", ["", "0.0.0.0", "224.0.0.1", "::1", "localhost", "127.0.0.1:53", 5, None, True])
def test_what_is_no_local_address(value: object) -> None:
    with pytest.raises(Wrong):
        netnames.local_address(value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("192.0.2.53", "192.0.2.53"),
        ("192.0.2.53:53", "192.0.2.53"),
        ("192.0.2.53:5353", "192.0.2.53:5353"),
        ("2001:db8::53", "2001:db8::53"),
        ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
    ],
)
def test_servers(text: str, read: str) -> None:
    assert netnames.server(text) == read
    assert netnames.server(read) == read


@pytest.mark.parametrize("value", ["", "dns.example", "192.0.2.1:0", "192.0.2.1:٣", "192.0.2.1:99999", 7, None])
def test_what_is_no_server(value: object) -> None:
    with pytest.raises(Wrong):
        netnames.server(value)


@pytest.mark.parametrize(
    ("text", "read"), [("paramedic.internal", "paramedic.internal"), ("Ops.Example.", "ops.example")]
)
def test_domains(text: str, read: str) -> None:
    assert netnames.domain(text) == read


@pytest.mark.parametrize(
    "value", ["", "internal", "a..b", "-a.b", "a_b.c", "ü.internal", "x" * 64 + ".y", "a." * 40 + "b", None]
)
def test_what_is_no_domain(value: object) -> None:
    with pytest.raises(Wrong):
        netnames.domain(value)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (netnames.local_address, netnames.server, netnames.domain):
        try:
            found = read(text)
        except Wrong:
            continue
        assert read(found) == found
