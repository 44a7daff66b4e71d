"""One HTTP call to somebody else's server, with a bound on everything. No secret gets into an error's text."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from paramedic_api.messages.kind import Call
from paramedic_core.errors import Permanent, Temporary

_LONGEST_WAIT = 3600.0
_FOR_GOOD = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})
"""Statuses that say of the message itself that it will never be taken (RFC 9110, section 15.5)."""
_MEANING = {
    401: "it does not accept the token or password",
    403: "it does not allow this",
    404: "there is nothing at that address",
    429: "it was called too often",
}
_AGENT = "paramedic"


class Unsent(Temporary):
    """It did not get through; it may later."""


class Rejected(Permanent):
    """The receiver will never take it."""


def place(url: str) -> str:
    """Scheme and host of a URL, which is all of it that may be shown."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def send(call: Call) -> None:
    """Send it; returns when the receiver has taken it (any 2xx). Redirects are not followed.

    Raises:
        Unsent: no connection, no answer in time, or an answer that says so.
        Rejected: an answer that says that this message will never be taken.
    """
    where, late = place(call.url), threading.Event()
    end = time.monotonic() + call.timeout
    try:
        connection = _connection(call)
        # A server that gives one byte a second is within each read's own time limit, and without end.
        watch = threading.Timer(call.timeout, _cut, (connection, late))
        watch.daemon = True
        watch.start()
        try:
            connection.request(call.method, _target(call.url), call.body or None, _headers(call))
            # Closed by itself: a connection that is to end leaves its socket to the answer.
            with connection.getresponse() as response:
                status, patience = response.status, response.headers.get("Retry-After", "")
        finally:
            watch.cancel()
            connection.close()
    except ssl.SSLCertVerificationError as error:
        raise Unsent(
            f"{where}: its certificate is not trusted here ({error.verify_message}): install ca-certificates, "
            "or name the file of your own authority in SSL_CERT_FILE"
        ) from None
    except ssl.SSLError as error:
        raise Unsent(f"{where}: no secure connection ({error.reason or type(error).__name__})") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() < end - 0.01:
            raise Unsent(f"{where}: {_why(error)}") from None
        late.set()
    if late.is_set():
        # An answer that was cut may look like a whole one to http.client.
        raise Unsent(f"{where}: no answer within {call.timeout:g} s")
    _judge(where, status, patience)


def _judge(where: str, status: int, patience: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Unsent(
            f"{where} answers with a redirect ({status}), which is not followed: write the address it leads to"
        )
    meaning = _MEANING.get(status) or http.client.responses.get(status, "a status that nobody knows").lower()
    text = f"{where} answers {status}: {meaning}"
    if status in _FOR_GOOD:
        raise Rejected(text)
    wait = float(patience) if patience.isascii() and patience.isdecimal() and len(patience) < 6 else 0.0
    raise Unsent(text, retry_after=min(wait, _LONGEST_WAIT))


def _connection(call: Call) -> http.client.HTTPConnection:
    parts = urlsplit(call.url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=call.timeout, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=call.timeout)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(call: Call) -> dict[str, str]:
    return {"User-Agent": _AGENT, "Connection": "close", "Accept": "*/*", **call.headers}


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    """Words for what went wrong; only the system's own, since others quote what was sent."""
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"it does not speak HTTP as it should ({type(error).__name__})"
