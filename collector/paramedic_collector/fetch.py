"""One GET of an application's metrics: bounded in time and size, to one address, nowhere else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

from paramedic_collector.targets import Target
from paramedic_core.errors import BadInput, PeerAway
from paramedic_core.sys.answers import BoundedResponse

_ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def fetch(target: Target, seconds: float, most: int) -> tuple[bytes, bool]:
    """Ask a container for its metrics. Redirects are not followed, and nothing is unpacked.

    Args:
        target: whom.
        seconds: how long it may take, all in all.
        most: bytes that it may say.

    Returns:
        the body, and whether it is OpenMetrics.

    Raises:
        PeerAway: no whole answer in time.
        BadInput: an answer that is no exposition, or too long.
    """
    where, late = f"http://{target.instance}{target.path}", threading.Event()
    connection = http.client.HTTPConnection(target.address, target.port, timeout=seconds)
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": "paramedic"}
    connection.response_class = BoundedResponse
    end, watch = time.monotonic() + seconds, None
    try:
        connection.connect()
        # A time-out counts for each piece anew, and who sends one byte a second could go on for days. The socket is
        # given because http.client lets go of its own reference to one whose answer ends with it.
        watch = threading.Timer(max(0.0, end - time.monotonic()), _cut, (connection.sock, late))
        watch.daemon = True
        watch.start()
        connection.request("GET", target.path, headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise BadInput(f"{where} answers {response.status} {response.reason[:60]}")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadInput(f"{where} packs its answer although it was asked not to")
        body = response.read(most + 1)
        if len(body) > most:
            raise BadInput(f"{where} says more than {most} bytes")
        if response.length or late.is_set():  # http.client's read(n) takes a body that was cut for a whole one
            raise PeerAway(f"{where} does not finish its answer within {seconds:g} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        slow = late.is_set() or isinstance(error, TimeoutError)
        why = f"not within {seconds:g} s" if slow else str(error) or type(error).__name__
        raise PeerAway(f"{where} does not answer: {why}") from error
    finally:
        if watch is not None:
            watch.cancel()
        connection.close()
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in ("application/openmetrics-text", "text/plain", ""):
        raise BadInput(f"{where} answers with {kind[:60]!r}, which is no exposition")
    return body, kind == "application/openmetrics-text"


def _cut(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):  # it has just ended by itself
        sock.shutdown(socket.SHUT_RDWR)
