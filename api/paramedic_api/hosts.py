"""Which Host and which Origin a request may name: against DNS rebinding and requests forged from other sites. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})
_FEW = 64
"""Names that are remembered: a hub is asked under few, and each may be 32 KiB."""
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via", "X-Forwarded-Host")


@lru_cache(_FEW)
def split_host(value: str) -> str:
    """The name of a `Host` header, without its port, in lower case; empty when it is malformed (RFC 9112, 3.2)."""
    try:
        parsed = urlsplit(f"//{value}")
        parsed.port  # noqa: B018  reading it checks it
    except ValueError:
        return ""
    if parsed.username is not None or parsed.path or parsed.query or parsed.fragment:
        return ""
    return (parsed.hostname or "").rstrip(".")


@lru_cache(_FEW)
def is_loopback(name: str) -> bool:
    """Whether a name or address is this machine's own."""
    if name.lower() in _LOOPBACK_NAMES:
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def known_host(value: str, listen: str, allowed: Collection[str]) -> bool:
    """Whether a `Host` header names us.

    A page of another site that makes its own name resolve to our address still sends its own name here. An address
    instead of a name cannot be rebound, so on a wildcard listener any address will do.

    Args:
        value: the header.
        listen: the address that we listen on, `HOST:PORT`.
        allowed: further names, from the settings.
    """
    name = split_host(value)
    if not name:
        return False
    own = split_host(listen)
    if is_loopback(name) or name == own or name in {split_host(a) for a in allowed}:
        return True
    wildcard = _address(own)
    return wildcard is not None and wildcard.is_unspecified and _address(name) is not None


def forged(headers: Mapping[str, str], host: str, public: str = "") -> bool:
    """Whether a browser sent this from another site's page (Fetch Metadata, RFC 6454).

    Args:
        headers: of the request.
        host: its `Host`.
        public: `hub.public_url`: a proxy may have replaced the Host that the browser sent, never the Origin.
    """
    site = headers.get("Sec-Fetch-Site", "")
    if site and site not in ("same-origin", "none"):
        return True
    origin = headers.get("Origin", "")
    if not origin:
        return False
    if public and origin.lower() == "{0.scheme}://{0.netloc}".format(urlsplit(public)):
        return False
    return urlsplit(origin).netloc.lower() != host.lower()


def from_afar(headers: Mapping[str, str], listen: str, remote: str) -> bool:
    """Whether a request may come from another machine: we listen beyond loopback, or a proxy has passed it on."""
    if not is_loopback(split_host(listen)) or not is_loopback(remote):
        return True
    return any(name in headers for name in _FORWARDED)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
