"""Asks a role `/-/healthy` without ever waiting: the supervisor's loop owns the socket and calls when something came."""

from __future__ import annotations

import socket
from pathlib import Path

_QUESTION = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
DEADLINE = 5.0
"""Seconds for an answer."""


class Probe:
    """One question.

    Args:
        path: the role's socket.
        deadline: monotonic seconds; no answer by then counts as a bad one.

    Raises:
        OSError: nobody listens there, or its queue is full.
    """

    def __init__(self, path: Path, deadline: float) -> None:
        self.deadline = deadline
        self._head = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(str(path))
            self._socket.send(_QUESTION)
        except OSError:
            self._socket.close()
            raise

    @property
    def fd(self) -> int:
        return self._socket.fileno()

    def heard(self) -> bool | None:
        """Read what came: whether the role is well, or None when the answer is not whole yet."""
        try:
            piece = self._socket.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            return False
        self._head += piece
        if b"\r\n" in self._head or not piece or len(self._head) > 4096:
            return self._head.startswith(b"HTTP/1.1 200 ")
        return None

    def close(self) -> None:
        self._socket.close()
