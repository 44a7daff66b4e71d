"""A target's connection, closed by others at the worst moments: whatever it opened is closed in the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from paramedic_metrics.scrape.transport import Access, Connection, ScrapeFailed

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n%s\r\na 1\n"


class _Target:
    """Answers on kept connections, and counts those that nobody has closed."""

    def __init__(self, header: bytes = b"") -> None:
        self._answer = _ANSWER % header
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/metrics"
        self.opened = 0
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.opened < 0:
                connection.close()
                return
            self.opened += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(self._answer)

    def all_closed(self) -> bool:
        """Whether the other side has closed every connection."""
        for thread in self._threads:
            thread.join(5)
        return not any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        self.opened = -1
        socket.create_connection(self._listener.getsockname()).close()
        self._accepting.join(5)
        self._listener.close()


class _Interrupted(Access):
    """Whoever asks for the header, as the exchange does before it sends, lets another close the connection."""

    interrupt: Callable[[], None]

    def authorization(self) -> str:
        self.interrupt()
        return ""


def test_closed_before_a_request_is_sent_it_opens_no_connection_that_nobody_closes() -> None:
    target = _Target()
    access = _Interrupted()
    asked = Connection(target.url, access, most=1000)
    try:
        object.__setattr__(access, "interrupt", lambda: None)
        assert asked.get({}, 5.0).body == b"a 1\n"
        turns = [lambda: None, asked.close]

        def interrupt() -> None:
            turns.pop()()

        object.__setattr__(access, "interrupt", interrupt)
        assert asked.get({}, 5.0).body == b"a 1\n"  # once more, on a new one
        assert target.opened == 2
        asked.close()
        assert target.all_closed()
    finally:
        target.end()


def test_closed_while_it_connects_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    target = _Target()
    asked = Connection(target.url, Access(), most=1000)
    real = socket.create_connection

    def connect(*given: object, **named: object) -> socket.socket:
        made = real(*given, **named)  # type: ignore[arg-type]
        asked.close()
        return made

    monkeypatch.setattr(socket, "create_connection", connect)
    try:
        with pytest.raises(ScrapeFailed, match="the connection was closed"):
            asked.get({}, 5.0)
        assert target.all_closed()
    finally:
        monkeypatch.undo()
        target.end()


def test_a_target_that_closes_after_each_answer_is_asked_anew() -> None:
    target = _Target(b"Connection: close\r\n")
    asked = Connection(target.url, Access(), most=1000)
    try:
        for number in (1, 2, 3):
            assert asked.get({}, 5.0).body == b"a 1\n"
            assert target.opened == number
        asked.close()
        assert target.all_closed()
    finally:
        target.end()
