"""An engine's answer as it comes: in pieces that never wait for more than there is, or line by line without end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from paramedic_core.errors import NotAnEngine
from paramedic_runtime.lean import requests
from paramedic_runtime.trouble import BROKEN, explain

_MOST_LINE = 1 << 20
_PIECE = 1 << 16


class Lines:
    """An endless answer: an iterator of its lines, which any thread may close.

    Args:
        address: whose answer it is.
        response: the answer, its head read.
    """

    def __init__(self, address: str, response: requests.Response) -> None:
        self._address, self._response = address, response
        self._closed = False
        sock = _socket(response)
        if sock is not None:
            # Silence says nothing here: the engine sends no heartbeat (moby#36928).
            sock.settimeout(None)

    def __iter__(self) -> Iterator[bytes]:
        """The lines as they come; ends when the stream is closed or cut.

        Raises:
            EngineAway: it broke off.
            NotAnEngine: a line has no end.
        """
        rest = b""
        try:
            for piece in pieces(self._response):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (line for line in lines if line.strip())
                if len(rest) > _MOST_LINE:
                    raise NotAnEngine(f"{self._address} sent a line of more than {_MOST_LINE} bytes")
        except BROKEN as error:
            if not self._closed:
                raise explain(error, self._address, 0.0) from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End it, from any thread."""
        self._closed = True
        shut(self._response)

    def release(self) -> None:
        """Let go of the connection, when nobody reads it."""
        self._response.close()


def pieces(response: requests.Response) -> Iterator[bytes]:
    """What has come of an answer, as it comes: never waiting for more than there is, so that deadlines can be kept."""
    while piece := response.raw.read1(_PIECE, decode_content=False):
        yield piece


def _socket(response: requests.Response) -> socket.socket | None:
    connection = getattr(response.raw, "_connection", None) or getattr(response.raw, "connection", None)
    sock = getattr(connection, "sock", None)
    if sock is None:
        # http.client lets go of its socket when an answer has no length; the file object below still has it.
        sock = getattr(getattr(getattr(response.raw._fp, "fp", None), "raw", None), "_sock", None)  # noqa: SLF001  nothing public leads there
    return sock if isinstance(sock, socket.socket) else None


def shut(response: requests.Response) -> None:
    sock = _socket(response)
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
