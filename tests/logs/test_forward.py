"""Forward input: real senders, acknowledgement after durability, hostile bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from fluent.sender import EventTime, FluentSender
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic_core.clock import SystemClock
from paramedic_core.errors import BadInput
from paramedic_logs.sources.fluent import MOST_FRAME, Reader
from paramedic_logs.sources.forward import MOST_CONNECTIONS, Forward
from support_logs import Rig
from support_wait import wait_until


class Input:
    """A pump that runs, and its Forward input."""

    def __init__(self, folder: Path) -> None:
        (folder / "engine/containers").mkdir(parents=True)
        self.rig = Rig(folder / "logs", folder / "engine", SystemClock())
        self.forward = Forward("127.0.0.1:0", self.rig.pipeline, SystemClock(), self.rig.counters)
        self.rig.pipeline.start()
        self.forward.start()

    def connect(self) -> socket.socket:
        plug = socket.create_connection(("127.0.0.1", self.forward.port), 5)
        plug.settimeout(5)
        return plug

    def stop(self) -> None:
        self.forward.stop()
        self.rig.pipeline.stop()


@pytest.fixture
def given_input(tmp_path: Path) -> Iterator[Input]:
    made = Input(tmp_path)
    yield made
    made.stop()


def ack(plug: socket.socket) -> object:
    unpacker = msgpack.Unpacker()
    while True:
        data = plug.recv(4096)
        assert data, "the connection was ended"
        unpacker.feed(data)
        for value in unpacker:
            return value


def test_fluent_loggers_messages_are_stored(given_input: Input) -> None:
    sender = FluentSender("app", "127.0.0.1", given_input.forward.port, nanosecond_precision=True)
    for number in range(20):
        assert sender.emit_with_time("x", EventTime(1_700_000_000 + number), {"n": number})
    sender.close()
    wait_until(lambda: given_input.rig.lines() == [f'{{"n":{n}}}' for n in range(20)])
    (stream,) = given_input.rig.store.streams.values()
    assert (stream.origin, stream.name, stream.service) == ("forward", "app.x", "")


@pytest.mark.parametrize("mode", ["message", "forward", "packed"])
def test_acknowledged_once_durable(given_input: Input, mode: str) -> None:
    docker = {"container_name": "/web", "container_id": "c" * 64, "source": "stderr", "log": "level=error no"}
    entry = [1_700_000_000, docker]
    option = {"chunk": "id=="}
    message: list[object] = {
        "message": ["tag", *entry, option],
        "forward": ["tag", [entry, entry], option],
        "packed": ["tag", msgpack.packb(entry) * 2, option],
    }[mode]
    with given_input.connect() as plug:
        for byte in msgpack.packb(message):
            plug.sendall(bytes([byte]))
        assert ack(plug) == {"ack": "id=="}
    rig = given_input.rig
    assert rig.store.heads == {}, "acknowledged before it was durable"
    assert rig.lines() == ["level=error no"] * (1 if mode == "message" else 2)
    assert rig.lines(level=5) != []
    (stream,) = rig.store.streams.values()
    assert (stream.container, stream.origin) == ("web", "forward")


def test_wrong_entries_are_passed_over_and_acknowledged(given_input: Input) -> None:
    good = [1_700_000_000, {"log": "good"}]
    bad = [
        1,
        ["x", {}],
        [None],
        [True, {}],
        [-1, {}],
        [1, "text"],
        [msgpack.ExtType(0, b"1"), {}],
        [msgpack.ExtType(9, b"12345678"), {}],
    ]
    with given_input.connect() as plug:
        plug.sendall(msgpack.packb(None))
        plug.sendall(msgpack.packb(["t", [good, *bad, good], {"chunk": b"\xff"}]))
        assert ack(plug) is not None
    assert given_input.rig.lines() == ["good", "good"]
    assert given_input.rig.counters.get("paramedic_logs_malformed_total", origin="forward") == len(bad)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        msgpack.packb([]),
        msgpack.packb([1, 2, {}]),
        msgpack.packb(["tag"]),
        msgpack.packb(["tag", b"\xc1\xc1"]),
        msgpack.packb(["tag", b"", {"compressed": "gzip"}]),
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff" + b"x" * (MOST_FRAME + 10),
        msgpack.packb(["tag", [[[]] * 1000] * 100]),
        b"\xc9\xff\xff\xff\xff\x00",
        b"\x91" * 5000,
        b"\xdb" + struct.pack(">I", MOST_FRAME - 5) + b"x" * (MOST_FRAME + 10),
    ],
    ids=range(12),
)
def test_hostile_messages_end_their_own_connection_only(given_input: Input, data: bytes) -> None:
    with given_input.connect() as friend, given_input.connect() as plug:
        try:
            plug.sendall(data)
            assert plug.recv(10) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass
        friend.sendall(msgpack.packb(["t", 1_700_000_000, {"log": "well"}, {"chunk": "1"}]))
        assert ack(friend) == {"ack": "1"}


def test_who_sends_what_is_not_taken_is_named_once_a_minute(
    given_input: Input, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with given_input.connect() as plug:
            plug.sendall(msgpack.packb(["tag", b"", {"compressed": "gzip"}]))
            assert plug.recv(10) == b""
    said = [r.getMessage() for r in caplog.records if r.name == "paramedic.logs.forward"]
    assert len(said) == 1
    assert "from 127.0.0.1 was ended: compressed messages are not taken: set the sender's `compress` to text" in said[0]


def test_connections_are_bounded(given_input: Input) -> None:
    plugs = [given_input.connect() for _ in range(MOST_CONNECTIONS + 3)]
    dropped = "paramedic_logs_dropped_total"
    wait_until(lambda: given_input.rig.counters.get(dropped, what="connection") == 3)
    for plug in plugs:
        plug.close()


def test_half_sent_messages_are_bounded_together(given_input: Input) -> None:
    half = b"\xdb" + struct.pack(">I", MOST_FRAME - 10) + b"x" * (MOST_FRAME - 100_000)
    plugs = []
    for _ in range(12):
        plugs.append(given_input.connect())
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            plugs[-1].sendall(half)
    dropped = "paramedic_logs_dropped_total"
    wait_until(lambda: given_input.rig.counters.get(dropped, what="connection") >= 3)
    for plug in plugs:
        plug.close()


def test_a_sender_that_reads_no_acknowledgement_holds_up_nobody(given_input: Input) -> None:
    with given_input.connect() as deaf, given_input.connect() as plug:
        wire = msgpack.packb(["t", 1_700_000_000, {"log": "x"}, {"chunk": "c" * 200}]) * 200

        def flood() -> None:
            try:
                for _ in range(20):
                    deaf.sendall(wire)
            except OSError:
                return

        thread = threading.Thread(target=flood)
        thread.start()
        plug.sendall(msgpack.packb(["t", 1_700_000_000, {"log": "well"}, {"chunk": "1"}]))
        plug.settimeout(20)
        assert ack(plug) == {"ack": "1"}
        deaf.shutdown(socket.SHUT_RDWR)
        thread.join(20)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | VALUES.map(msgpack.packb)
    | st.lists(VALUES, min_size=1, max_size=4).map(lambda rest: msgpack.packb(["tag", *rest]))
)
def test_no_bytes_do_more_than_end_the_connection(data: bytes) -> None:
    reader = Reader()
    try:
        for message in reader.feed(data, 1_700_000_000.0):
            for name, line in message.lines:
                assert name
                assert 0 <= line.ns < 1 << 63
    except BadInput:
        pass
