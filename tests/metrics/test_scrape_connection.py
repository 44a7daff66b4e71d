"""A target's connection, closed by others at the worst moments, and targets that mean harm: all that was opened is closed in the end."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paramedic_core.errors import PeerAway
from paramedic_core.problems import CONTENT_TYPE
from paramedic_core.sys.server import Request, Response, RoleServer, tcp_listener, unix_listener
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
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(self._answer)

    def all_closed(self) -> bool:
        """Whether the other side has closed every connection."""
        with socket.create_connection(self._listener.getsockname()) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)  # they are accepted in turn: all that were opened before have their threads now
        threads = list(self._threads)
        for thread in threads:
            thread.join(5)
        return not any(thread.is_alive() for thread in threads)

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


@contextlib.contextmanager
def _saying(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """A target that has one connection, and answers its request with what `say` does."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            say(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("size", [b"-1", b"-5"])
def test_a_chunk_of_less_than_nothing_is_not_read_until_the_other_side_ends(size: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\na 1\n")
        connection.recv(1)  # until the other side has had enough

    with _saying(say) as url, pytest.raises(ScrapeFailed, match="cannot be reached: IncompleteRead"):
        Connection(url, Access(), most=1000).get({}, 20.0)


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])
def test_a_body_that_drips_and_ends_with_its_connection_is_cut_by_abort(head: bytes) -> None:
    under_way, over = threading.Event(), threading.Event()

    def say(connection: socket.socket) -> None:
        connection.sendall(head)
        for number in range(1000):
            connection.sendall(b"#")
            if over.wait(0.02):
                return
            if number == 10:
                under_way.set()

    with _saying(say) as url:
        asked = Connection(url, Access(), most=1000)
        found: list[object] = []

        def get() -> None:
            try:
                found.append(asked.get({}, 60.0))
            except ScrapeFailed as error:
                found.append(str(error))

        thread = threading.Thread(target=get)
        thread.start()
        try:
            assert under_way.wait(30)
            asked.abort()
            thread.join(10)
            assert found == ["no answer within 60 s"]
        finally:
            over.set()
            thread.join(30)


def _packed(body: bytes, most: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with _saying(lambda connection: connection.sendall(head + body)) as url:
        asked = Connection(url, Access(), most=most)
        try:
            return asked.get({}, 60.0).body
        finally:
            asked.close()


def test_members_of_gzip_one_behind_another_are_one_body() -> None:
    long = b"".join(b"# %s\n" % hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(4000))
    members = [b"a 1\n", b"", long, b"b 2\n", long]
    whole = b"".join(members)
    body = b"".join(gzip.compress(member) for member in members)
    assert len(gzip.compress(long)) > 1 << 16  # a member ends and begins within what is read at once
    assert _packed(body, len(whole)) == whole
    with pytest.raises(ScrapeFailed, match="body size limit exceeded"):
        _packed(body, len(whole) - 1)
    with pytest.raises(ScrapeFailed, match="was cut off"):
        _packed(body[:-1], len(whole))


def test_what_stands_behind_gzip_is_bounded() -> None:
    with pytest.raises(ScrapeFailed, match="its gzip cannot be read"):
        _packed(gzip.compress(b"a 1\n") + b"x" * (1 << 20), 1000)
    with pytest.raises(ScrapeFailed, match="body size limit exceeded"):
        _packed(gzip.compress(b"a 1\n") + gzip.compress(b"") * 10_000, 1000)


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.test"])
def test_a_host_that_no_name_can_be_is_a_scrape_that_failed(host: str) -> None:
    with pytest.raises(ScrapeFailed, match="cannot be reached"):
        Connection(f"http://{host}:80/metrics", Access(), most=1000).get({}, 5.0)


def _fails(_request: Request) -> Response:
    raise PeerAway("line 4 is no sample: 'bad\tline'")


def test_a_role_of_this_host_says_why_and_nobody_else_is_repeated(tmp_path: Path) -> None:
    tcp, path = tcp_listener("127.0.0.1:0"), tmp_path / "c.sock"
    server = RoleServer({"GET /apps": _fails}, [unix_listener(path), tcp])
    server.start()
    url = f"http://127.0.0.1:{tcp.getsockname()[1]}/apps"
    try:
        ours, others = (Connection(url, Access(), socket_path=p, most=1000) for p in (str(path), ""))
        with pytest.raises(ScrapeFailed) as failed:
            ours.get({}, 5)
        assert str(failed.value) == (
            "server returned HTTP status 503 Service Unavailable: line 4 is no sample: 'bad line'"
        )
        with pytest.raises(ScrapeFailed) as failed:
            others.get({}, 5)
        assert str(failed.value) == "server returned HTTP status 503 Service Unavailable"
        ours.close()
        others.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"[" * 30_000, CONTENT_TYPE),
        (b"[1]", CONTENT_TYPE),
        (b'{"detail": 1}', CONTENT_TYPE),
        (b"\xff", CONTENT_TYPE),
        (b'{"detail": "said"}', "text/html"),
    ],
)
def test_an_error_that_is_no_problem_document_is_told_without(tmp_path: Path, body: bytes, media: str) -> None:
    path = tmp_path / "c.sock"
    routes = {"GET /apps": lambda _request: Response(body, status=503, content_type=media)}
    server = RoleServer(routes, [unix_listener(path)])
    server.start()
    connection = Connection("http://collector/apps", Access(), socket_path=str(path), most=1000)
    try:
        with pytest.raises(ScrapeFailed, match=r"^server returned HTTP status 503 Service Unavailable$"):
            connection.get({}, 5)
    finally:
        connection.close()
        server.stop()
