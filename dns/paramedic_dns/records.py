"""The zone's records, encoded by dnslib from our own values: never from anything that the network sent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import dnslib  # type: ignore[import-untyped]  # it has no types

from paramedic_dns import wire
from paramedic_dns.answer import Record
from paramedic_dns.names import text


@lru_cache(maxsize=8192)
def address(value: str) -> bytes:
    """RDATA of an A record (RFC 1035 3.4.1)."""
    return _pack(dnslib.A(value))


def a(owner: bytes, value: str, ttl: int) -> Record:
    """A host's address."""
    return Record(owner, wire.A, ttl, address(value))


def ptr(owner: bytes, target: bytes, ttl: int) -> Record:
    """The name of an address."""
    return Record(owner, wire.PTR, ttl, target)


def ns(owner: bytes, target: bytes, ttl: int) -> Record:
    """A zone's server."""
    return Record(owner, wire.NS, ttl, target)


def srv(owner: bytes, port: int, target: bytes, ttl: int, weight: int) -> Record:
    """Where a service is (RFC 2782); its target is never compressed."""
    return Record(owner, wire.SRV, ttl, _pack(dnslib.SRV(0, weight, port, text(target))))


def txt(owner: bytes, lines: Iterable[str], ttl: int) -> tuple[Record, ...]:
    """A record a line, since many tools show only a record's first text; 255 bytes each at most (RFC 1035 3.3.14)."""
    return tuple(Record(owner, wire.TXT, ttl, _pack(dnslib.TXT(_bounded(line)))) for line in lines)


def hinfo(owner: bytes) -> Record:
    """The answer to ANY that gives nothing away and cannot be amplified (RFC 8482 4.2)."""
    rfc = b"RFC8482"
    return Record(owner, wire.HINFO, 8482, bytes((len(rfc),)) + rfc + b"\0")


@lru_cache(maxsize=64)
def soa(zone: bytes, serial: int, ttl: int) -> Record:
    """A zone's start; its last number is how long others remember that a name is not there (RFC 2308)."""
    times = (serial, 7200, 1800, 86400, ttl)
    name = text(zone).lstrip(".")
    rdata = dnslib.SOA(f"ns.dns.{name}", f"hostmaster.{name}", times)
    return Record(zone, wire.SOA, ttl, _pack(rdata))


class _Uncompressed(dnslib.DNSBuffer):  # type: ignore[misc]  # as above
    """RDATA is kept apart from the message that it will stand in, so no name in it can point anywhere."""

    encode_name = dnslib.DNSBuffer.encode_name_nocompress


def _pack(rdata: Any) -> bytes:
    buffer = _Uncompressed()
    rdata.pack(buffer)
    return bytes(buffer.data)


def _bounded(line: str) -> bytes:
    return line.encode("utf-8", "replace")[:255]
