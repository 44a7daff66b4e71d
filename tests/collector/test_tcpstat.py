"""TCP connections by state, of real sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from paramedic_collector.source import Context
from paramedic_collector.sources.tcpstat import Tcpstat
from support_collector import NOW, collect, paths, samples, tree

KEY = 'node_tcp_connection_states{{state="{}"}}'


def test_real_connections_are_counted() -> None:
    before = samples(collect(Tcpstat(), Context(now=NOW)))
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        clients = [socket.create_connection(four.getsockname()[:2]) for _ in range(20)]
        clients.append(socket.create_connection(six.getsockname()[:2]))
        clients[0].sendall(b"x" * 1000)
        after = samples(collect(Tcpstat(), Context(now=NOW)))
        for client in clients:
            client.close()
    assert after[KEY.format("listen")] - before.get(KEY.format("listen"), 0) >= 2
    # 21 connections have two ends each; the machine's own may end meanwhile.
    assert after[KEY.format("established")] - before.get(KEY.format("established"), 0) > 30
    assert after[KEY.format("rx_queued_bytes")] >= 1000


def test_another_network_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/1/net/dev": "a\nb\n  wan9: " + "1 " * 16 + "\n"})
    with pytest.raises(OSError, match="not the host's network"):
        collect(Tcpstat(), Context(paths(root), NOW))
