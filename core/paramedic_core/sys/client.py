"""A role's HTTP client: calls with a deadline to another role's unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paramedic_core.errors import BadInput, PeerAway
from paramedic_core.problems import error_of

_MOST_ANSWER = 64 << 20
_MOST_LINE = 32 << 20


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


class RoleClient:
    """Calls one role.

    Args:
        path: its socket.
        role: its name, for error texts.
    """

    def __init__(self, path: Path, role: str) -> None:
        self.path, self.role = path, role

    def get(self, path: str, *, timeout: float = 5.0) -> Any:
        """GET a JSON value.

        Raises:
            PeerAway: no answer within `timeout` seconds.
            ParamedicError: what the role's problem document says.
        """
        return self._json(self.call("GET", path, None, timeout=timeout), path)

    def post(
        self, path: str, body: Mapping[str, Any], *, timeout: float = 5.0, headers: Mapping[str, str] | None = None
    ) -> Any:
        """POST a JSON object and return the JSON answer; raises as `get` does."""
        answer = self.call("POST", path, json.dumps(body).encode(), timeout=timeout, headers=headers)
        return self._json(answer, path)

    def text(self, path: str, *, timeout: float = 5.0) -> str:
        """GET a text, as `/metrics`; raises as `get` does."""
        return self.call("GET", path, None, timeout=timeout).decode("utf-8", "replace")

    def call(
        self, method: str, path: str, body: bytes | None, *, timeout: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """One request, and the bytes of its answer; raises as `get` does."""
        status, data = self._exchange(method, path, body, timeout, headers)
        if status >= 400:
            raise error_of(_document(data), status)
        return data

    def verdict(self, question: str = "ready", *, timeout: float = 5.0) -> tuple[bool, dict[str, Any]]:
        """Ask `/-/ready` or `/-/healthy`.

        Returns:
            whether it is, and each part's `{"ready", "reason"}`.

        Raises:
            PeerAway: no answer within `timeout` seconds.
        """
        status, data = self._exchange("GET", f"/-/{question}", None, timeout, None)
        parts = _document(data).get("parts")
        return status == 200, parts if isinstance(parts, dict) else {}

    def _exchange(
        self, method: str, path: str, body: bytes | None, timeout: float, headers: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(self.path, timeout)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else dict(headers or {})
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            data = response.read(_MOST_ANSWER + 1)
            if response.length and len(data) <= _MOST_ANSWER:
                # http.client's read(n) takes a body that was cut for a whole one.
                raise http.client.IncompleteRead(data, response.length)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        if len(data) > _MOST_ANSWER:
            raise BadInput(f"{self.role} answered {method} {path} with more than {_MOST_ANSWER} bytes")
        return response.status, data

    def stream(self, path: str, *, idle: float = 15.0, connect: float = 5.0) -> Iterator[Any]:
        """GET a stream of JSON values, one a line, until it ends.

        Args:
            path: what to ask for.
            idle: the longest silence, in seconds; senders write a beat more often than that.
            connect: how long to wait for the first answer.

        Raises:
            PeerAway: the role is away, went away, or fell silent.
        """
        connection = _UnixConnection(self.path, connect)
        try:
            connection.request("GET", path)
            # Kept because http.client lets go of its own reference to a socket whose answer has no length.
            sock = connection.sock
            response = connection.getresponse()
            if response.status >= 400:
                raise error_of(_document(response.read(1 << 20)), response.status)
            sock.settimeout(idle)
            while line := response.readline(_MOST_LINE + 1):
                if len(line) > _MOST_LINE:
                    raise BadInput(f"{self.role} sent a line of more than {_MOST_LINE} bytes")
                yield json.loads(line)
            if getattr(response, "chunk_left", None) is not None:
                # http.client's readline takes a stream that was cut for one that ended: only the last chunk clears this.
                raise http.client.IncompleteRead(b"")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._away(error) from error
        finally:
            connection.close()

    def wait(self, path: str = "/-/ready", *, within: float = 10.0) -> None:
        """Return when the role answers `path` with success.

        Raises:
            PeerAway: it does not within `within` seconds.
        """
        end = time.monotonic() + within
        while True:
            try:
                self.call("GET", path, None, timeout=2.0)
            except PeerAway:
                if time.monotonic() >= end:
                    raise
            except Exception:
                if time.monotonic() >= end:
                    raise
            else:
                return
            time.sleep(0.05)

    def _json(self, data: bytes, path: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"the role {self.role} answered {path} with something that is not JSON: {error}") from None

    def _away(self, error: Exception) -> PeerAway:
        return PeerAway(f"the role {self.role} does not answer at {self.path} ({error}): is `paramedic run` running?")


def _document(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        return {"detail": data[:200].decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {}
