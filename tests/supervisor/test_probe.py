"""The health question never waits, and takes no wrong answer for a good one."""

import select
import socket

import pytest

from paramedic.probe import Probe


@pytest.fixture
def place(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        path = tmp_path / "s"
        server.bind(str(path))
        server.listen(1)
        server.settimeout(5)
        yield server, path


def outcome(place, *pieces):
    """What the probe makes of an answer that comes in these pieces; then the connection ends."""
    server, path = place
    probe = Probe(path, 0.0)
    connection, _ = server.accept()
    with connection:
        assert connection.recv(4096).startswith(b"GET /-/healthy HTTP/1.1\r\n")
        told = probe.heard()
        for piece in pieces:
            assert told is None
            connection.sendall(piece)
            assert select.select([probe.fd], [], [], 5)[0]
            told = probe.heard()
    if told is None:
        told = probe.heard()
    probe.close()
    return told


@pytest.mark.parametrize(
    ("pieces", "well"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), True),
        ((b"HTTP/1.", b"1 200 OK\r", b"\n"), True),
        ((b"HTTP/1.1 503 Service Unavailable\r\n",), False),
        ((b"HTTP/1.1 2000 Odd\r\n",), False),
        ((b"x" * 4096,), None),
        ((b"x" * 4096, b"x"), False),
        ((), False),
        ((b"HTTP/1.1 20",), False),
    ],
)
def test_only_200_is_well(place, pieces, well):
    assert outcome(place, *pieces) is (bool(well) if well is None else well)


def test_nobody_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Probe(tmp_path / "none", 0.0)


def test_a_full_queue_is_an_error_and_no_wait(place):
    probes = []
    with pytest.raises(BlockingIOError):
        while True:
            probes.append(Probe(place[1], 0.0))
    assert len(probes) < 10
    for probe in probes:
        probe.close()
