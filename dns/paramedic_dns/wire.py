"""Reads a question from the network: header, one question, EDNS (RFC 1035 4.1, RFC 6891). Nothing else is looked at.

What comes in is hostile. Nothing here raises, follows a compression pointer, or takes longer than the packet is long; what
cannot be answered is dropped, what is malformed gets the shortest answer that says so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}
A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, OPT, IXFR, AXFR, ANY = (
    1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 41, 251, 252, 255,
)  # fmt: skip
TYPES = {
    A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", HINFO: "HINFO", MX: "MX", TXT: "TXT", AAAA: "AAAA",
    SRV: "SRV", IXFR: "IXFR", AXFR: "AXFR", ANY: "ANY", 43: "DS", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS",
}  # fmt: skip
"""By number; others are shown as `other`, as CoreDNS does."""
QR, AA, TC, RD, RA, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010
IN = 1
UDP_SIZE = 1232
"""The largest UDP answer that we send, and say that we take (the value agreed on DNS flag day 2020)."""
LEAST_SIZE = 512
HEADER = struct.Struct("!6H")
_PAIR = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")


@dataclass(frozen=True, slots=True)
class Edns:
    """What the OPT record of a question said."""

    size: int
    """The largest UDP answer that the asker takes; never below 512."""
    dnssec: bool = False
    options: bool = False
    """There are options: such a question is a new one each time."""


@dataclass(frozen=True, slots=True)
class Query:
    """One well-formed question of class IN."""

    id: int
    flags: int
    question: bytes
    """Name, type and class exactly as asked: echoed, so that a mixed-case asker gets its own letters back."""
    key: bytes
    """The name in lower case (`names`)."""
    type: int
    edns: Edns | None = None

    @property
    def recurse(self) -> bool:
        """The asker wishes recursion."""
        return bool(self.flags & RD)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A packet that is no question for us."""

    reason: str
    """short, response, opcode, formerr, class, badvers."""
    reply: bytes = b""
    """What to answer; empty: nothing at all."""


def read(data: bytes) -> Query | Wrong:
    """The question in a packet."""
    if len(data) < 12:
        return Wrong("short")
    ident, flags, questions, answers, authority, additional = HEADER.unpack_from(data)
    if flags & QR:
        # Answering an answer is how two servers are made to talk to each other for ever.
        return Wrong("response")
    if flags >> 11 & 15:
        return Wrong("opcode", _header(ident, flags, NOTIMP))
    formerr = Wrong("formerr", _header(ident, flags, FORMERR))
    if questions != 1 or answers or authority or additional > 2:
        return formerr
    end = _question_end(data)
    if not end:
        return formerr
    edns = _edns(data, end, additional)
    if isinstance(edns, str):
        return formerr
    question = data[12:end]
    kind, klass = _PAIR.unpack_from(data, end - 4)
    if klass != IN:
        return Wrong("class", HEADER.pack(ident, _echo(flags) | REFUSED, 1, 0, 0, 0) + question)
    if edns is not None and edns[1]:
        opt = opt_record(UDP_SIZE, extended=BADVERS >> 4)
        return Wrong("badvers", HEADER.pack(ident, _echo(flags), 1, 0, 0, 1) + question + opt)
    return Query(ident, flags, question, question[:-4].lower(), kind, edns[0] if edns else None)


def opt_record(size: int, *, dnssec: bool = False, extended: int = 0, options: bytes = b"") -> bytes:
    """An OPT record: the size that the sender takes, the upper bits of the rcode, the DO bit, options."""
    return b"\0" + _RECORD.pack(OPT, size, extended << 24 | (0x8000 if dnssec else 0), len(options)) + options


def skip_name(data: bytes, at: int) -> int:
    """Where a name ends, pointers not followed; 0 when it does not."""
    size = len(data)
    while at < size:
        length = data[at]
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2 if at + 2 <= size else 0
        if length > 63:
            return 0
        at += 1 + length
    return 0


def _question_end(data: bytes) -> int:
    """Where the question ends; 0 when it is malformed. A first name has nothing that it could point to."""
    at, size = 12, len(data)
    while at < size and at < 12 + 255:
        length = data[at]
        if length == 0:
            return at + 5 if at + 5 <= size else 0
        if length > 63:
            return 0
        at += 1 + length
    return 0


def _edns(data: bytes, at: int, count: int) -> tuple[Edns, int] | str | None:
    """What OPT says, with its version; a text when the records are malformed."""
    found: tuple[Edns, int] | None = None
    for _ in range(count):
        owner, at = at, skip_name(data, at)
        if not at or at + 10 > len(data):
            return "truncated"
        kind, klass, ttl, length = _RECORD.unpack_from(data, at)
        at += 10
        if at + length > len(data):
            return "overrun"
        if kind == OPT:
            if found or data[owner] or not _options_fit(data, at, at + length):
                return "a second OPT, one with a name, or options that do not fit"
            found = Edns(max(klass, LEAST_SIZE), bool(ttl & 0x8000), bool(length)), ttl >> 16 & 0xFF
        at += length
    return found


def _options_fit(data: bytes, at: int, end: int) -> bool:
    while at + 4 <= end:
        at += 4 + _PAIR.unpack_from(data, at)[1]
    return at == end


def _echo(flags: int) -> int:
    """The flags of an answer to these: opcode and RD and CD come back, TC and Z and AD do not."""
    return QR | flags & (0x7800 | RD | CD)


def _header(ident: int, flags: int, rcode: int) -> bytes:
    return HEADER.pack(ident, _echo(flags) | rcode, 0, 0, 0, 0)
