"""Addresses and names of networks, as people write them: local addresses, DNS servers, domains, URLs."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from paramedic_core.config.units import Wrong, shown

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_BASE_PATH = re.compile(r"/([A-Za-z0-9._~-]+/)*", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})|\[[0-9a-fA-F:.]+\]", re.ASCII)
_LONGEST_DOMAIN = 62
"""Names below it have up to four labels of 63 characters before it, and 255 bytes in all."""


def local_address(value: object) -> str:
    """One IPv4 address to listen on.

    Raises:
        Wrong: it is none, or a wildcard.
    """
    try:
        found = ipaddress.IPv4Address(str(value).strip())
    except ValueError:
        raise Wrong(f"{shown(value)} is no IPv4 address; write it as 172.17.0.1, without a port") from None
    if found.is_unspecified or found.is_multicast:
        raise Wrong(f"{shown(value)} is not one local address: answers could leave from another; name each")
    return str(found)


def server(value: object) -> str:
    """A DNS server, `ADDRESS` or `ADDRESS:PORT`; an IPv6 address with a port in brackets.

    Raises:
        Wrong: it is none.
    """
    host, port = str(value).strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") if rest else port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Wrong(f"{shown(value)} is no server: write its IP address, as 192.0.2.53 or 192.0.2.53:5353") from None
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise Wrong(f"{shown(value)}: {shown(port)} is no port from 1 to 65535")
    if port == "53":
        return str(address)
    return f"[{address}]:{int(port)}" if address.version == 6 else f"{address}:{int(port)}"


def domain(value: object) -> str:
    """A domain of at least two labels, in lower case, without its final dot.

    Raises:
        Wrong: it is none, or leaves no room for names below it.
    """
    text = str(value).strip().lower().removesuffix(".")
    labels = text.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise Wrong(
            f"{shown(value)} is no domain: letters, digits and hyphens, with dots between, as paramedic.internal"
        )
    if len(labels) < 2:
        raise Wrong(f"{shown(value)} is a top-level domain: write two labels at least, as paramedic.internal")
    if len(text) > _LONGEST_DOMAIN:
        raise Wrong(f"{shown(value)} is longer than {_LONGEST_DOMAIN} characters: names below it would not fit")
    return text


def network(value: object) -> str:
    """One IP address, or a network in CIDR notation (RFC 4632).

    Raises:
        Wrong: it is neither.
    """
    text = str(value).strip()
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise Wrong(f"{shown(value)} is no address or network ({error}): write 127.0.0.1 or 172.18.0.0/16") from None
    return str(found) if "/" in text else str(found.network_address)


def base_url(value: object) -> str:
    """Where something is found: scheme, host and base path, ending with a slash; empty for nowhere.

    Raises:
        Wrong: it is no such URL.
    """
    text = str(value).strip()
    if not text:
        return ""
    advice = "write it as https://ops.example/paramedic/"
    try:
        parsed = urlsplit(text)
        port = parsed.port
    except ValueError:
        raise Wrong(f"{shown(value)} is no URL: {advice}") from None
    if parsed.scheme not in ("http", "https") or parsed.query or parsed.fragment or parsed.username is not None:
        raise Wrong(f"{shown(value)}: http or https, a host and a path, and nothing else: {advice}")
    host = parsed.netloc.removesuffix(f":{port}") if port is not None else parsed.netloc
    if not _HOST.fullmatch(host):
        raise Wrong(f"{shown(value)}: {shown(host)} is no host name or address: {advice}")
    path = f"{parsed.path.rstrip('/')}/"
    if not _BASE_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise Wrong(f"{shown(value)}: its path may have letters, digits and . _ ~ - between slashes: {advice}")
    return f"{parsed.scheme}://{parsed.netloc.lower()}{path}"
