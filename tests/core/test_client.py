"""The roles' client: deadlines, and what it says of roles that are away, slow, or talk nonsense."""

import json
import socket
import threading
import time

import pytest

from paramedic_core.errors import BadInput, NotFound, PeerAway
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.server import Response, json_response, unix_listener


@pytest.fixture
def mute(tmp_path):
    """A role that accepts and never answers."""
    path = tmp_path / "mute.sock"
    listener = unix_listener(path)
    yield RoleClient(path, "mute")
    listener.close()


@pytest.fixture
def talk(tmp_path):
    """A role that answers every connection with the same bytes, and closes."""
    listeners = []

    def start(answer):
        path = tmp_path / "talk.sock"
        listener = unix_listener(path)
        listeners.append(listener)

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return RoleClient(path, "talk")

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_nobody_there(tmp_path):
    client = RoleClient(tmp_path / "none.sock", "hub")
    for ask in (
        lambda: client.get("/"),
        lambda: client.post("/", {}),
        lambda: list(client.stream("/")),
        client.verdict,
    ):
        with pytest.raises(PeerAway, match="the role hub does not answer"):
            ask()


def test_a_deadline(mute):
    started = time.monotonic()
    with pytest.raises(PeerAway):
        mute.get("/", timeout=0.1)
    with pytest.raises(PeerAway):
        list(mute.stream("/", connect=0.1))
    assert time.monotonic() - started < 2


def test_silence_in_a_stream(serve):
    stop = threading.Event()

    def pieces():
        yield b"{}\n"
        stop.wait(5)

    stream = serve({"GET /s": lambda _: Response(pieces())}).stream("/s", idle=1.0)
    assert next(stream) == {}
    with pytest.raises(PeerAway):
        next(stream)
    stop.set()


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"\x00" * 100]
)
def test_nonsense_is_a_peer_that_is_away(talk, answer):
    with pytest.raises(PeerAway):
        talk(answer).get("/")


def test_an_answer_that_is_not_json(talk):
    with pytest.raises(BadInput, match="talk answered / with something that is not JSON"):
        talk(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").get("/")


def test_an_answer_without_end(talk, monkeypatch):
    monkeypatch.setattr("paramedic_core.sys.client._MOST_ANSWER", 1000)
    with pytest.raises(BadInput, match="more than 1000 bytes"):
        talk(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"1" * 2000).get("/")


def test_a_line_without_end(talk, monkeypatch):
    monkeypatch.setattr("paramedic_core.sys.client._MOST_LINE", 1000)
    with pytest.raises(BadInput, match="a line of more than 1000"):
        list(talk(b"HTTP/1.1 200 OK\r\n\r\n" + b"1" * 2000).stream("/"))


def test_an_error_without_a_document(talk):
    with pytest.raises(NotFound, match="gone fishing"):
        talk(b"HTTP/1.1 404 No\r\nContent-Length: 12\r\n\r\ngone fishing").get("/")


def test_an_error_instead_of_a_stream(serve):
    with pytest.raises(NotFound):
        list(serve({}).stream("/s"))


def test_what_is_sent(serve):
    def seen(request):
        return json_response(
            {
                "body": json.loads(request.body),
                "type": request.headers["content-type"],
                "token": request.headers.get("authorization"),
            }
        )

    client = serve({"POST /x": seen, "GET /t": lambda _: Response("grüße".encode(), content_type="text/plain")})
    answer = client.post("/x", {"a": "ä"}, headers={"Authorization": "Bearer x"})
    assert answer == {"body": {"a": "ä"}, "type": "application/json", "token": "Bearer x"}
    assert client.text("/t") == "grüße"


def test_verdict(serve):
    parts = {"disk": {"ready": False, "reason": "full"}}
    client = serve(
        {"GET /-/ready": lambda _: json_response({"parts": parts}, 503), "GET /-/healthy": lambda _: json_response({})}
    )
    assert client.verdict() == (False, parts)
    assert client.verdict("healthy") == (True, {})


def test_wait(serve, mute):
    answers = iter([503, 503, 200])
    serve({"GET /-/ready": lambda _: json_response({}, next(answers))}).wait(within=5)
    with pytest.raises(PeerAway):
        RoleClient(mute.path.with_name("none.sock"), "x").wait(within=0.1)
