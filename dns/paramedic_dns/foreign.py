"""Another server's answer, read without trust: bounds are checked, pointers not followed, nothing decoded that we do not use.

The message is kept as bytes. Only its times to live are found, so that they can run down, and its OPT record, which speaks of
the connection between us and that server and so ends here (with all after it, which could point into it).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from paramedic_dns.wire import HEADER, NOERROR, NXDOMAIN, OPT, QR, SOA, TC, skip_name

_RECORD = struct.Struct("!HHIH")
_TTL = struct.Struct("!I")
_MOST_RECORDS = 1024
MOST_POSITIVE = 3600
"""Seconds that an answer is remembered at most."""
MOST_NEGATIVE = 300
"""Seconds that a name is remembered not to be there, at most."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A well-formed answer to our question."""

    message: bytes
    """Without its OPT."""
    rcode: int
    truncated: bool
    lives: tuple[tuple[int, int], ...]
    """Where each record's time to live stands, and what it says, in seconds."""
    life: int
    """For how many seconds it may be remembered; 0: not at all."""
    positive: bool


def accept(data: bytes, ident: int, question: bytes) -> Foreign | None:
    """The answer in a packet; None when it is not one to this question, or malformed.

    Args:
        data: the packet.
        ident: our question's id.
        question: its name, type and class; letters may come back in another case.
    """
    if len(data) < 12 + len(question):
        return None
    got, flags, questions, answers, authority, additional = HEADER.unpack_from(data)
    end = 12 + len(question)
    if got != ident or not flags & QR or flags & 0x7800 or questions != 1 or data[12:end].lower() != question.lower():
        return None
    rcode = flags & 15
    if flags & TC:
        return Foreign(data[:end], rcode, truncated=True, lives=(), life=0, positive=False)
    counts = (answers, authority, additional)
    if sum(counts) > _MOST_RECORDS:
        return None
    walked = _walk(data, end, counts)
    if walked is None:
        return None
    end, lives, kept, minimum, extended = walked
    if extended:
        return None
    header = HEADER.pack(0, flags, 1, answers, authority, kept)
    positive = bool(answers) and rcode == NOERROR
    life = 0
    if positive:
        life = min([MOST_POSITIVE, *(ttl for _, ttl in lives[:answers])])
    elif rcode in (NOERROR, NXDOMAIN) and minimum is not None:
        life = min([MOST_NEGATIVE, minimum, *(ttl for _, ttl in lives[: answers + authority])])
    return Foreign(header + data[12:end], rcode, truncated=False, lives=tuple(lives), life=life, positive=positive)


def aged(foreign: Foreign, seconds: int) -> bytes:
    """Its message with every time to live run down by `seconds`, to no less than one; a 0 stays 0 (RFC 2181 8)."""
    if not seconds:
        return foreign.message
    message = bytearray(foreign.message)
    for at, ttl in foreign.lives:
        _TTL.pack_into(message, at, max(1, ttl - seconds) if ttl else 0)
    return bytes(message)


_Walked = tuple[int, list[tuple[int, int]], int, int | None, int]


def _walk(data: bytes, at: int, counts: tuple[int, int, int]) -> _Walked | None:
    """Where what is kept ends; the times to live; how many additional records are kept; SOA's minimum; rcode's upper bits."""
    lives: list[tuple[int, int]] = []
    minimum: int | None = None
    for section, count in enumerate(counts):
        for n in range(count):
            owner, at = at, skip_name(data, at)
            if not at or at + 10 > len(data):
                return None
            kind, _, ttl, length = _RECORD.unpack_from(data, at)
            if at + 10 + length > len(data):
                return None
            if kind == OPT:
                return (owner, lives, n, minimum, ttl >> 24) if section == 2 else None
            if kind == SOA and section == 1 and length >= 20:
                minimum = _TTL.unpack_from(data, at + 10 + length - 4)[0]
            lives.append((at + 4, ttl if ttl < 1 << 31 else 0))
            at += 10 + length
    return at, lives, counts[2], minimum, 0
