"""The roles' own HTTP server, spoken to by the client and by raw bytes."""

import contextlib
import json
import os
import socket
import stat
import threading
import urllib.request

import pytest

from paramedic_core.errors import BadInput, NotFound, Refused, Temporary
from paramedic_core.sys import server as server_module
from paramedic_core.sys.server import MOST_BODY, Response, RoleServer, json_response, tcp_listener, unix_listener


def echo(request):
    return json_response(
        {"method": request.method, "path": request.path, "query": dict(request.query), "params": dict(request.params)}
    )


def fail(_request):
    raise RuntimeError("a secret in a trace")


def refuse(_request):
    raise Refused("frozen", "it is frozen")


ROUTES = {
    "GET /echo": echo,
    "GET /things/{name}": echo,
    "GET /things/{name}/parts/{part}": echo,
    "POST /json": lambda request: json_response(request.json()),
    "GET /peer": lambda request: json_response(request.peer and [request.peer.pid, request.peer.uid, request.peer.gid]),
    "GET /fail": fail,
    "GET /refuse": refuse,
}


def raw(client, data):
    """Send bytes and read until the server closes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(client.path))
        with contextlib.suppress(OSError):
            # A server that is full answers before it is asked, and closes.
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def status(answer):
    return int(answer.split(b" ", 2)[1])


def body(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_routes_and_params(serve):
    client = serve(ROUTES)
    assert client.get("/echo?a=1&b=%20&a=2") == {
        "method": "GET",
        "path": "/echo",
        "query": {"a": "2", "b": " "},
        "params": {},
    }
    assert client.get("/things/shop%2Fweb")["params"] == {"name": "shop/web"}
    assert client.get("/things/a/parts/b")["params"] == {"name": "a", "part": "b"}
    for path in ("/", "/things", "/things/a/parts", "/echo/"):
        with pytest.raises(NotFound, match="there is no"):
            client.get(path)


def test_a_wrong_method_names_the_right_one(serve):
    client = serve(ROUTES)
    with pytest.raises(BadInput, match="/json takes POST"):
        client.get("/json")
    assert b"Allow: GET" in raw(client, b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")


def test_errors_are_problem_documents(serve, caplog):
    client = serve(ROUTES)
    with pytest.raises(Refused, match="it is frozen") as refused:
        client.get("/refuse")
    assert refused.value.code == "frozen"
    answer = raw(client, b"GET /fail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status(answer) == 500
    assert b"secret" not in answer
    assert b"application/problem+json" in answer
    assert "a secret in a trace" in caplog.text


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b"[" * 100_000, b"\xff"])
def test_a_body_must_be_a_json_object(serve, data):
    with pytest.raises(BadInput, match="the body of POST /json"):
        serve(ROUTES).call("POST", "/json", data, timeout=5)


@pytest.mark.parametrize(
    "head",
    [
        f"Content-Length: {MOST_BODY + 1}",
        "Content-Length: -1",
        "Content-Length: ²",
        "Content-Length: 1_0",
        "Content-Length: " + "9" * 100,
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked",
    ],
)
def test_a_body_has_a_bound_and_an_honest_length(serve, head):
    answer = raw(serve(ROUTES), f"POST /json HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode("latin-1"))
    assert status(answer) == 400
    assert "Content-Length" in body(answer)["detail"]


def test_a_body_that_ends_early(serve):
    answer = raw(serve(ROUTES), b'POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a":1}')
    assert "ended after 7 of 100 bytes" in body(answer)["detail"]


@pytest.mark.parametrize("target", ["//[", "/echo?" + "&".join(f"a{i}=1" for i in range(65)), "//[::1", "/%zz?%"])
def test_a_malformed_address_gets_an_answer(serve, target):
    answer = raw(serve(ROUTES), f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) in (400, 404)


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x00" * 50, b"GET / HTTP/9.9\r\n\r\n", b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
     b"GET /echo HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_ends_that_connection_alone(serve, data):
    client = serve(ROUTES)
    raw(client, data)
    assert client.get("/echo")["path"] == "/echo"


def test_a_head_has_no_body(serve):
    routes = {"GET /s": lambda _: Response(iter([b"piece"])), **ROUTES}
    client = serve(routes)
    for path in ("/echo", "/s"):
        answer = raw(client, f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.endswith(b"\r\n\r\n")
        assert status(answer) == 200


def test_many_requests_over_one_connection(serve):
    answer = raw(serve(ROUTES), b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    assert answer.count(b"HTTP/1.1 200 OK") == 50


def test_who_calls_is_the_kernels_word(serve):
    assert serve(ROUTES).get("/peer") == [os.getpid(), os.getuid(), os.getgid()]


def test_a_stream_comes_piece_by_piece_and_is_closed_when_the_reader_goes(serve):
    gone, go_on = threading.Event(), threading.Event()

    def pieces():
        try:
            yield b'{"n": 1}\n'
            while not go_on.wait(0.01):
                yield b'{"n": 2}\n'
        finally:
            gone.set()

    stream = serve({"GET /s": lambda _: Response(pieces())}).stream("/s")
    assert next(stream) == {"n": 1}
    assert next(stream) == {"n": 2}
    stream.close()
    assert gone.wait(5)


def test_a_stream_that_fails_half_way_is_cut_and_said(serve, caplog):
    def pieces():
        yield b'{"n": 1}\n'
        raise RuntimeError("half-way")

    stream = serve({"GET /s": lambda _: Response(pieces())}).stream("/s")
    assert next(stream) == {"n": 1}
    with pytest.raises(Temporary):
        list(stream)
    assert "half-way" in caplog.text


def test_stop_ends_streams_and_frees_the_socket(serve):
    client = serve({})

    def pieces():
        while not client.server.stopping.wait(0.01):
            yield b"{}\n"

    client.server._routes = RoleServer({"GET /s": lambda _: Response(pieces())}, [])._routes
    stream = client.stream("/s")
    next(stream)
    client.server.stop()
    with contextlib.suppress(Temporary):
        # It ends, or is cut, before anything else can hold it up.
        list(stream)
    with pytest.raises(Temporary):
        client.get("/echo")


def test_half_sent_requests_keep_nobody_out(serve, monkeypatch, request):
    """Forty slow callers fill it; the stalest make room once they have been silent for the deadline."""
    client = serve(ROUTES, connections=40)
    slow = []
    request.addfinalizer(lambda: [connection.close() for connection in slow])
    for _ in range(40):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(client.path))
        connection.sendall(b"GET /echo HTTP/1.1\r\nHo")
        slow.append(connection)
    deadline = threading.Event()
    for _ in range(500):
        if len(client.server._open) == 40:
            break
        deadline.wait(0.01)
    refused = raw(client, b"")
    assert status(refused) == 503
    assert client.server.refused == 1
    monkeypatch.setattr(server_module, "_REQUEST_DEADLINE", 0.0)
    assert client.get("/echo")["path"] == "/echo"


def test_a_socket_left_by_a_dead_process_is_replaced(tmp_path):
    path = tmp_path / "s.sock"
    first = unix_listener(path)
    first.close()
    second = unix_listener(path, 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second.close()


def test_a_path_that_is_too_long_says_so(tmp_path):
    with pytest.raises(BadInput, match="107 bytes at most"):
        unix_listener(tmp_path / ("x" * 108))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_over_tcp_there_is_no_peer(host):
    try:
        listener = tcp_listener(f"{host}:0")
    except OSError:
        pytest.skip(f"this machine has no {host}")
    port = listener.getsockname()[1]
    server = RoleServer(ROUTES, [listener])
    server.start()
    with socket.create_connection((host.strip("[]"), port), timeout=5) as connection:
        connection.sendall(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    server.stop()
    assert body(answer) is None


def test_a_port_that_is_taken():
    with tcp_listener("127.0.0.1:0") as listener, pytest.raises(OSError, match="in use"):
        tcp_listener(f"127.0.0.1:{listener.getsockname()[1]}")


def test_over_tcp_no_answer_waits_for_a_delayed_ack():
    listener = tcp_listener("127.0.0.1:0")
    seen = []

    def look(_request):
        seen.extend(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for c in server._open)
        return json_response({})

    server = RoleServer({"GET /x": look}, [listener])
    server.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{listener.getsockname()[1]}/x", timeout=5) as answer:
            answer.read()
    finally:
        server.stop()
    assert seen == [1]
