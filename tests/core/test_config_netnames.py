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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("https://ops.example", "https://ops.example/"),
        ("https://Ops.Example:8443/paramedic", "https://ops.example:8443/paramedic/"),
        ("http://[2001:db8::7]:80/a/b/", "http://[2001:db8::7]:80/a/b/"),
    ],
)
def test_base_urls(text: str, read: str) -> None:
    assert netnames.base_url(text) == read
    assert netnames.base_url(read) == read


@pytest.mark.parametrize(
    "value",
    [
        "ops.example", "ftp://ops.example/", "https://", "https://a b/", "https://u:p@ops.example/", "https://x/?q=1",
        "https://x/#f", "https://x:99999/", "https://x/../y/", "https://x/a//b/", "https://x/é/", "https://[::1/", 7,
    ],
)  # fmt: skip
def test_what_is_no_base_url(value: object) -> None:
    with pytest.raises(Wrong):
        netnames.base_url(value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("172.18.0.0/16", "172.18.0.0/16"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1"),
    ],
)
def test_networks(text: str, read: str) -> None:
    assert netnames.network(text) == read


@pytest.mark.parametrize("value", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", None])
def test_what_is_no_network(value: object) -> None:
    with pytest.raises(Wrong):
        netnames.network(value)
