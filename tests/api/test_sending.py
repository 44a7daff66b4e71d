"""Long answers of unknown length go out from where they lie: the same bytes, to quick, slow and vanishing readers."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from waitress.server import create_server

from paramedic_api.sending import Channel
from paramedic_api.serve import close_in_its_loop

PIECE = 300_000
MOST = 1 << 20
SENT = 1 << 16
Pieces = Callable[[], Iterable[bytes]]


@contextmanager
def served(pieces: Pieces, channel: type[Channel] = Channel, patience: int = 120) -> Iterator[int]:
    """A server whose every answer is these pieces, which lets go of an idle connection after so many seconds; gives its port."""

    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return pieces()

    listener = socket.create_server(("127.0.0.1", 0))
    # So that little of an answer is in the kernel.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)
    server: Any = create_server(
        app,
        sockets=[listener],
        asyncore_use_poll=True,
        outbuf_high_watermark=MOST,
        # As the hub's: nothing waits in a file, which whoever is cut off amid it would leave open.
        outbuf_overflow=64 * MOST,
        channel_timeout=patience,
        cleanup_interval=1,
    )
    server.channel_class = channel
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.task_dispatcher.shutdown()
        close_in_its_loop(server)
        thread.join(10)
        assert not thread.is_alive()


def some(count: int, size: int = PIECE) -> list[bytes]:
    return [bytes([65 + number % 26]) * (size if number % 3 else 10) for number in range(count)]


def test_every_byte_in_order() -> None:
    with served(lambda: iter(some(60))) as port:
        for _ in range(3):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            client.request("GET", "/")
            assert client.getresponse().read() == b"".join(some(60))
            client.close()


def test_no_body_where_only_headers_are_asked_for() -> None:
    with served(lambda: iter(some(9))) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("HEAD", "/")
        assert client.getresponse().read() == b""
        client.close()


def test_a_slow_reader_holds_up_whoever_makes_more() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(200):
            made.append(number)
            yield b"x" * PIECE

    with served(pieces) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        reader.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        reader.recv(1)
        # The kernel's buffers are 4 MiB a side at most; of 60 MB the most is not made before it is read.
        taken = reader.recv(1 << 16, socket.MSG_WAITALL)
        assert len(made) * PIECE < 30_000_000
        count = 1 + len(taken)
        while data := reader.recv(1 << 20):
            count += len(data)
            if data.endswith(b"\r\n0\r\n\r\n"):
                break
        assert len(made) == 200
        assert count > 200 * PIECE


def test_a_reader_that_goes_ends_the_making() -> None:
    ended = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * PIECE
        finally:
            ended.set()

    with served(pieces) as port:
        for abruptly in (False, True):
            ended.clear()
            reader = socket.create_connection(("127.0.0.1", port), timeout=30)
            reader.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            reader.recv(100_000)
            if abruptly:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            reader.close()
            assert ended.wait(20)


@contextmanager
def idle_reader(port: int, room: int = 1 << 14) -> Iterator[socket.socket]:
    """Who asks, and reads nothing of the answer but the `room` bytes that the kernel has for it."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        reader.settimeout(30)
        reader.connect(("127.0.0.1", port))
        reader.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        yield reader


@pytest.mark.parametrize("size", [1 << 14, 1 << 20])
def test_a_reader_that_reads_nothing_is_let_go(size: int) -> None:
    ended, closed = threading.Event(), threading.Event()

    class Watched(Channel):
        def handle_close(self) -> None:
            super().handle_close()
            closed.set()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * size
        finally:
            ended.set()

    with served(pieces, Watched, patience=1) as port, idle_reader(port):
        assert ended.wait(20), "the thread that makes the answer is held"
        assert closed.wait(20), "the connection is held"


def test_a_reader_that_takes_drops_is_let_go() -> None:
    ended = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * (1 << 20)
        finally:
            ended.set()

    # With so little room the kernel tells the sender of each drop; 20 KB/s is a third of the least.
    with served(pieces, patience=1) as port, idle_reader(port, 1 << 11) as reader, suppress(ConnectionError):
        for _ in range(400):
            if ended.wait(0.05):
                break
            reader.recv(1024)
        else:
            pytest.fail("the thread that makes the answer is held")
    assert ended.wait(1)


def test_an_answer_that_is_made_and_never_read_is_let_go() -> None:
    made, closed = threading.Event(), threading.Event()

    class Watched(Channel):
        def handle_close(self) -> None:
            super().handle_close()
            closed.set()

    def pieces() -> Iterator[bytes]:
        yield from [b"x" * (1 << 14)] * 60
        made.set()

    with served(pieces, Watched, patience=1) as port, idle_reader(port):
        assert made.wait(20), "all of it has room"
        assert closed.wait(20), "the connection is held"
