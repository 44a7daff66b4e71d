"""Our reading of packets, against two others' (dnspython, dnslib), and against whatever bytes there are."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import dnslib
import pytest
from dns import edns, message, name, rdatatype
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paramedic_dns import names, wire
from paramedic_dns.answer import Answer, Record, write
from paramedic_dns.foreign import Foreign, accept, aged

HEADER = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
QUESTION = b"\x03web\x04shop\x00\x00\x01\x00\x01"
OPT = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"


def quickest(work: Callable[[], object]) -> float:
    """The CPU seconds that it takes, the best of three: the collector of garbage may run amid one."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def head(flags: int = 0x0100, qd: int = 1, an: int = 0, ns: int = 0, ar: int = 0) -> bytes:
    return struct.pack("!6H", 7, flags, qd, an, ns, ar)


def test_a_question_is_read_as_dnspython_wrote_it() -> None:
    asked = message.make_query("WeB.Shop.", "AAAA", use_edns=0, payload=4096, want_dnssec=True)
    found = wire.read(asked.to_wire())
    assert isinstance(found, wire.Query)
    assert (found.id, found.type, found.recurse) == (asked.id, rdatatype.AAAA, True)
    assert found.key == b"\x03web\x04shop\x00"
    assert found.question == b"\x03WeB\x04Shop\x00\x00\x1c\x00\x01"
    assert found.edns == wire.Edns(4096, dnssec=True)


def test_a_question_is_read_as_dnslib_wrote_it() -> None:
    asked = dnslib.DNSRecord.question("a-b.c_d.example", "SRV")
    found = wire.read(bytes(asked.pack()))
    assert isinstance(found, wire.Query)
    assert names.text(found.key) == "a-b.c_d.example."
    assert found.type == wire.SRV


@pytest.mark.parametrize(
    ("packet", "reason", "rcode"),
    [
        (b"", "short", None),
        (HEADER[:11], "short", None),
        (head(0x8100) + QUESTION, "response", None),
        (head(0x2800) + QUESTION, "opcode", wire.NOTIMP),  # update
        (head(0x2000) + QUESTION, "opcode", wire.NOTIMP),  # notify
        (head(0x7800), "opcode", wire.NOTIMP),
        (head(qd=0), "formerr", wire.FORMERR),
        (head(qd=2) + QUESTION * 2, "formerr", wire.FORMERR),
        (head(an=1) + QUESTION, "formerr", wire.FORMERR),
        (head(ns=1) + QUESTION, "formerr", wire.FORMERR),
        (head(ar=3) + QUESTION + OPT * 3, "formerr", wire.FORMERR),
        (head(ar=2) + QUESTION + OPT * 2, "formerr", wire.FORMERR),
        (head() + QUESTION[:-1], "formerr", wire.FORMERR),
        (head() + b"\x03we", "formerr", wire.FORMERR),
        (head() + b"\xc0\x0c\x00\x01\x00\x01", "formerr", wire.FORMERR),  # a name that is itself
        (head() + b"\x41" + b"a" * 65 + b"\x00\x00\x01\x00\x01", "formerr", wire.FORMERR),
        (head() + (b"\x3f" + b"a" * 63) * 4 + b"\x00\x00\x01\x00\x01", "formerr", wire.FORMERR),  # 257 bytes
        (head(ar=1) + QUESTION, "formerr", wire.FORMERR),
        (head(ar=1) + QUESTION + b"\x01a" + OPT, "formerr", wire.FORMERR),  # OPT with a name
        (head(ar=1) + QUESTION + OPT[:-1] + b"\x09", "formerr", wire.FORMERR),  # overrun
        (head(ar=1) + QUESTION + OPT[:-1] + b"\x04\x00\x0a\x00\x09", "formerr", wire.FORMERR),  # option overrun
        (head(ar=1) + QUESTION + b"\xc0", "formerr", wire.FORMERR),
        (head() + QUESTION[:-1] + b"\x03", "class", wire.REFUSED),  # chaos
        (head() + QUESTION[:-1] + b"\xff", "class", wire.REFUSED),
        (head(ar=1) + QUESTION + b"\x00\x00\x29\x10\x00\x00\x01\x00\x00\x00\x00", "badvers", wire.NOERROR),
    ],
)
def test_what_is_no_question_for_us(packet: bytes, reason: str, rcode: int | None) -> None:
    found = wire.read(packet)
    assert isinstance(found, wire.Wrong)
    assert found.reason == reason
    if rcode is None:
        assert not found.reply
        return
    ident, flags = struct.unpack_from("!HH", found.reply)
    assert (ident, flags & 15, flags & 0x8000) == (7, rcode, 0x8000)
    assert len(found.reply) <= max(len(packet), 12) + 11, "an error is never larger than what caused it"
    message.from_wire(found.reply)


def test_an_edns_version_that_is_not_known_is_told_so() -> None:
    asked = message.make_query("web.shop", "A", use_edns=1)
    found = wire.read(asked.to_wire())
    assert isinstance(found, wire.Wrong)
    reply = message.from_wire(found.reply)
    assert reply.rcode() == 16
    assert reply.edns == 0


def test_trailing_bytes_and_foreign_flags_do_not_matter() -> None:
    found = wire.read(head(0x0100 | 0x0200 | 0x0040 | 0x0020 | 0x0010) + QUESTION + b"rest")
    assert isinstance(found, wire.Query)
    flags = struct.unpack_from("!H", write(found, Answer(), tcp=False, recursion=True), 2)[0]
    assert flags == 0x8000 | 0x0400 | 0x0100 | 0x0080 | 0x0010, "TC, Z and AD are not echoed; RD and CD are"


def test_options_are_noticed_and_never_echoed() -> None:
    cookie = edns.GenericOption(10, b"12345678")
    asked = message.make_query("web.shop", "A", use_edns=0, options=[cookie], payload=300)
    found = wire.read(asked.to_wire())
    assert isinstance(found, wire.Query)
    assert found.edns == wire.Edns(512, options=True)
    reply = message.from_wire(write(found, Answer(), tcp=False, recursion=True))
    assert reply.edns == 0
    assert not reply.options
    assert reply.payload == wire.UDP_SIZE


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
@example(head(ar=2) + QUESTION + b"\xc0\x0c" * 40)
@example(head() + b"\x00" * 20)
def test_nothing_raises_or_takes_long(junk: bytes) -> None:
    def work() -> None:
        for packet in (junk, HEADER + junk, head(ar=2) + QUESTION + junk):
            found = wire.read(packet)
            if isinstance(found, wire.Query):
                assert names.text(found.key).isascii()
                message.from_wire(write(found, Answer(), tcp=False, recursion=True))

    assert quickest(work) < 0.5


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_a_hostile_server_can_only_be_ignored(junk: bytes, an: int, ns: int, ar: int) -> None:
    packet = struct.pack("!6H", 7, 0x8180, 1, an, ns, ar) + QUESTION + junk
    found = accept(packet, 7, QUESTION)
    if found is not None:
        assert len(aged(found, 5)) == len(found.message) <= len(packet)
        assert all(12 <= at <= len(found.message) - 4 for at, _ in found.lives)


def test_what_could_be_read_for_ever_is_read_once() -> None:
    # dnslib takes 0.7 s for such a packet: pointers to pointers to pointers.
    links = b"".join(struct.pack("!H", 0xC000 | (12 + len(QUESTION) + 2 * n)) for n in range(900))
    packet = struct.pack("!6H", 7, 0x8180, 1, 140, 0, 0) + QUESTION + links + b"\xc0\x0c" * 600

    def work() -> None:
        assert wire.read(packet[:2] + b"\x01\x00" + packet[4:]).reason == "formerr"  # type: ignore[union-attr]
        accept(packet, 7, QUESTION)

    assert quickest(work) < 0.05


@pytest.mark.parametrize("change", [{"id": 8}, {"question": b"\x03bad\x04shop\x00\x00\x01\x00\x01"}, {"flags": 0x0100}])
def test_an_answer_to_another_question_is_none(change: dict[str, object]) -> None:
    good = {"id": 7, "question": QUESTION, "flags": 0x8180}
    one = good | change
    packet = struct.pack("!6H", one["id"], one["flags"], 1, 0, 0, 0) + one["question"]
    assert isinstance(accept(struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0) + QUESTION.upper(), 7, QUESTION), Foreign)
    assert accept(packet, 7, QUESTION) is None


def test_an_answers_opt_and_all_after_it_ends_here() -> None:
    asked = message.make_query("web.shop", "A", use_edns=0)
    reply = message.make_response(asked)
    reply.use_edns(0, options=[edns.GenericOption(10, b"server cookie")])
    question = asked.to_wire()[12:-11]
    found = accept(reply.to_wire(), asked.id, question)
    assert found is not None
    assert found.message[12:] == question
    assert struct.unpack_from("!H", found.message, 10)[0] == 0


def query_of(text: str, *, size: int | None = None) -> wire.Query:
    asked = message.make_query(text, "A", use_edns=0 if size else -1, payload=size or 0)
    found = wire.read(asked.to_wire())
    assert isinstance(found, wire.Query)
    return found


def records(count: int, key: bytes) -> tuple[Record, ...]:
    return tuple(Record(key, wire.A, 5, bytes((10, 0, n >> 8, n & 255))) for n in range(count))


def test_what_does_not_fit_is_marked_and_keeps_question_and_opt() -> None:
    asked = query_of("web.shop", size=4096)
    many = Answer(answers=records(300, asked.key))
    short = message.from_wire(write(asked, many, tcp=False, recursion=True))
    assert short.flags & 0x0200
    assert not short.answer
    assert short.question
    assert short.edns == 0
    whole = message.from_wire(write(asked, many, tcp=True, recursion=True))
    assert len(whole.answer[0]) == 300
    assert not whole.flags & 0x0200


@pytest.mark.parametrize(("size", "fits"), [(None, 30), (512, 29), (1232, 74), (4096, 74)])
def test_an_answer_is_as_long_as_the_asker_takes(size: int | None, fits: int) -> None:
    asked = query_of("web.shop", size=size)
    # The header 12, the question 14, each record 16, an OPT 11 bytes.
    for count, cut in ((fits, False), (fits + 2, True)):
        packet = write(asked, Answer(answers=records(count, asked.key)), tcp=False, recursion=True)
        assert bool(message.from_wire(packet).flags & 0x0200) is cut, (count, len(packet))
        assert len(packet) <= min(size or 512, wire.UDP_SIZE)


def test_additional_records_go_first_and_unmarked() -> None:
    asked = query_of("web.shop")
    both = Answer(answers=records(20, asked.key), additional=records(20, b"\x03one\x00"))
    reply = message.from_wire(write(asked, both, tcp=False, recursion=True))
    assert len(reply.answer[0]) == 20
    assert not reply.additional
    assert not reply.flags & 0x0200


def test_an_answer_is_what_dnspython_and_dnslib_read() -> None:
    asked = query_of("WEB.shop", size=1232)
    answer = Answer(answers=records(2, asked.key), why=(0, "0 of 2 in service"))
    packet = write(asked, answer, tcp=False, recursion=True, turn=1)
    ours = message.from_wire(packet)
    assert [r.address for r in ours.answer[0]] == ["10.0.0.1", "10.0.0.0"]
    assert ours.question[0].name == name.from_text("WEB.shop.")
    assert "0 of 2 in service" in str(ours.options[0])
    theirs = dnslib.DNSRecord.parse(packet)
    assert [str(r.rdata) for r in theirs.rr] == ["10.0.0.1", "10.0.0.0"]
