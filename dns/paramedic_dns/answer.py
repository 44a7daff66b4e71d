"""An answer, and how it is written: put together from records that are encoded already."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from paramedic_dns.foreign import Foreign
from paramedic_dns.wire import AA, CD, HEADER, IN, LEAST_SIZE, NOERROR, QR, RA, RD, TC, UDP_SIZE, Query, opt_record

_RECORD = struct.Struct("!HHIH")
_OPTION = struct.Struct("!HHH")
_EDE = 15
_POINTER = b"\xc0\x0c"
MOST_MESSAGE = 65535
# RFC 8914: numbers of explanations.
OTHER, STALE, NOT_READY, PROHIBITED, NO_REACHABLE, NETWORK_ERROR = 0, 3, 14, 18, 22, 23


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record."""

    owner: bytes
    """The owner's key (`names`)."""
    type: int
    ttl: int
    """Seconds."""
    data: bytes
    """Its RDATA, uncompressed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says to a question."""

    rcode: int = NOERROR
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    why: tuple[int, str] | None = None
    """An explanation (RFC 8914), for askers with EDNS, and for people."""
    lasting: bool = False
    """It holds for everybody of the asker's view until the zone changes."""
    foreign: bytes = b""
    """Another server's whole message without its OPT (`foreign.py`), instead of all the above but `why`."""
    source: Foreign | None = None
    """What `foreign` was made of, when it has just come and may be remembered."""
    by: str = "zone"
    """The handler, for metrics; most answers are the zone's."""


def limit(query: Query, *, tcp: bool) -> int:
    """The most bytes that an answer to this question may have."""
    if tcp:
        return MOST_MESSAGE
    return min(query.edns.size, UDP_SIZE) if query.edns else LEAST_SIZE


def write(query: Query, answer: Answer, *, tcp: bool, recursion: bool, turn: int = 0) -> bytes:
    """The message.

    Args:
        query: what it answers.
        answer: what to say.
        tcp: over TCP, where it may be long; over UDP what does not fit is left out and marked so (TC).
        recursion: whether the asker may ask us for other names.
        turn: by how many places the answers are rotated, so that the first one changes.
    """
    most = limit(query, tcp=tcp)
    tail = _opt(query, answer)
    if answer.foreign:
        return _write_foreign(query, answer.foreign, tail, most)
    flags = QR | query.flags & (RD | CD) | answer.rcode & 15 | (AA if answer.authoritative else 0)
    flags |= RA if recursion else 0
    rows = answer.answers[turn:] + answer.answers[:turn] if turn else answer.answers
    opts = 1 if tail else 0
    body = b"".join([_encode(query, r) for r in rows])
    authority = b"".join([_encode(query, r) for r in answer.authority])
    more = b"".join([_encode(query, r) for r in answer.additional])
    extra = len(answer.additional)
    size = 12 + len(query.question) + len(body) + len(authority) + len(tail)
    if size + len(more) > most:
        more, extra = b"", 0  # additional records are a courtesy: they go first, unmarked
    if size > most:
        return HEADER.pack(query.id, flags | TC, 1, 0, 0, opts) + query.question + tail
    header = HEADER.pack(query.id, flags, 1, len(rows), len(answer.authority), extra + opts)
    return header + query.question + body + authority + more + tail


def _encode(query: Query, record: Record) -> bytes:
    owner = _POINTER if record.owner == query.key else record.owner
    return owner + _RECORD.pack(record.type, IN, record.ttl, len(record.data)) + record.data


def _opt(query: Query, answer: Answer) -> bytes:
    """The OPT record that answers the asker's own; only those who sent one get one (RFC 6891 6.1.1)."""
    if query.edns is None:
        return b""
    options = b""
    if answer.why is not None:
        words = answer.why[1].encode("utf-8", "replace")[:200]
        options = _OPTION.pack(_EDE, len(words) + 2, answer.why[0]) + words
    return opt_record(UDP_SIZE, dnssec=query.edns.dnssec, options=options)


def _write_foreign(query: Query, message: bytes, tail: bytes, most: int) -> bytes:
    """Another server's message with the asker's own id, letters and wishes."""
    _, flags, _, answers, authority, additional = HEADER.unpack_from(message)
    # AA and AD are the other server's claims about itself; from here they would be ours.
    flags = QR | RA | flags & 15 | query.flags & (RD | CD)
    opts = 1 if tail else 0
    rest = message[12 + len(query.question) :]
    if 12 + len(query.question) + len(rest) + len(tail) > most:
        return HEADER.pack(query.id, flags | TC, 1, 0, 0, opts) + query.question + tail
    return HEADER.pack(query.id, flags, 1, answers, authority, additional + opts) + query.question + rest + tail
