"""Questions over TCP: in any pieces, several at once, and those who only hold a connection."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from dns import message

from paramedic_dns import tcp
from support_dns import ZONE, addresses, ask, container, place, server, shop, until, world

WEB = f"web.shop.svc.{ZONE}"


def framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def connect(running) -> socket.socket:
    plug = socket.create_connection(("127.0.0.1", running.settings.port), timeout=10)
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plug


def receive(plug: socket.socket) -> message.Message:
    size = struct.unpack("!H", exactly(plug, 2))[0]
    return message.from_wire(exactly(plug, size))


def exactly(plug: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = plug.recv(count - len(data))
        assert piece, f"ended after {len(data)} of {count} bytes"
        data += piece
    return data


def question(name: str = WEB) -> bytes:
    return message.make_query(name, "A").to_wire()


def test_one_byte_at_a_time(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running, connect(running) as plug:
        for byte in framed(question()):
            plug.sendall(bytes((byte,)))
        assert len(addresses(receive(plug))) == 2


def test_64_kilobytes_in_one_byte_pieces_slow_nobody(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running, connect(running) as plug:
        packet = question() + bytes(65535 - len(question()))
        for at, byte in enumerate(framed(packet)):
            plug.sendall(bytes((byte,)))
            if at % 16384 == 0:
                assert addresses(ask(running, WEB))
        assert len(addresses(receive(plug))) == 2, "what stands after the question does not matter"


def test_several_questions_in_one_piece_and_a_half_close(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running, connect(running) as plug:
        many = [question(WEB if n % 2 else f"nobody.{ZONE}") for n in range(40)]
        plug.sendall(b"".join(framed(q) for q in many))
        plug.shutdown(socket.SHUT_WR)
        replies = [receive(plug) for _ in many]
        assert {r.id for r in replies} == {struct.unpack_from("!H", q)[0] for q in many}
        assert plug.recv(1) == b"", "and it is closed"


def test_long_answers_are_whole(tmp_path: Path) -> None:
    labels = shop().containers
    one = next(iter(labels.values())).labels
    many = [container(f"w{n}", place(f"172.30.{n // 250}.{n % 250 + 2}"), labels=one) for n in range(300)]
    with server(tmp_path, world(*many)) as running:
        short = ask(running, WEB)
        assert short.flags & 0x0200
        assert not short.answer
        assert len(addresses(ask(running, WEB, tcp=True))) == 300


def test_the_silent_are_sent_away(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tcp, "_IDLE", 0.3)
    monkeypatch.setattr(tcp, "_SWEEP", 0.1)
    with server(tmp_path, shop()) as running, connect(running) as silent, connect(running) as drip:
        drip.sendall(b"\x00")
        assert silent.recv(1) == b""
        assert drip.recv(1) == b""
        until(lambda: len(running.doors.connections) == 0)


def test_connections_are_bounded_for_one_and_for_all(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tcp, "_MOST_OF_ONE", 3)
    with server(tmp_path, shop()) as running:
        plugs = [connect(running) for _ in range(5)]
        until(lambda: running.stats.get("paramedic_dns_dropped_total", reason="connections") == 2)
        for plug in plugs:
            plug.close()
        until(lambda: len(running.doors.connections) == 0)
        monkeypatch.setattr(tcp, "_MOST_OF_ONE", 100)
        monkeypatch.setattr(tcp, "_MOST", 4)
        plugs = [connect(running) for _ in range(8)]
        plugs[-1].sendall(framed(question()))
        assert receive(plugs[-1]).answer, "the one that was silent for longest made room"
        assert len(running.doors.connections) <= 4
        for plug in plugs:
            plug.close()


def test_who_never_reads_is_dropped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tcp, "_MOST_UNSENT", 20000)
    one = next(iter(shop().containers.values())).labels
    many = [container(f"w{n}", place(f"172.30.{n // 250}.{n % 250 + 2}"), labels=one) for n in range(1000)]
    with server(tmp_path, world(*many)) as running, connect(running) as plug:
        plug.settimeout(0.5)
        packet = framed(question())
        try:
            while not running.stats.get("paramedic_dns_dropped_total", reason="slow"):
                plug.sendall(packet * 20)
        except (TimeoutError, OSError):
            pass
        until(lambda: running.stats.get("paramedic_dns_dropped_total", reason="slow") >= 1)
        assert addresses(ask(running, WEB, tcp=True)), "others are served"


def test_nonsense_ends_the_connection(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        for junk in (framed(b""), framed(b"\x00" * 3), framed(question()[:2] + b"\x81" + question()[3:])):
            with connect(running) as plug:
                plug.sendall(junk)
                assert plug.recv(1) == b""
        with connect(running) as plug:
            plug.sendall(framed(question()[:-3]))
            assert receive(plug).rcode() == 1
