"""Ports for servers that must be told theirs before they start."""

from __future__ import annotations

import random
import socket

_ANY = range(20_000, 32_000)
"""Below those that Linux takes for outgoing connections and for port 0: none of these can take one in the meantime."""
_luck = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing has bound now, for UDP and TCP on every address of IPv4; never the same twice in a process."""
    for port in _luck.sample(_ANY, 200):
        if port not in _given and _free(port):
            _given.add(port)
            return port
    raise AssertionError("no port is free for both UDP and TCP")


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind(("", port))
            tcp.bind(("", port))
        except OSError:
            return False
        return True
