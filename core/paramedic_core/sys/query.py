"""Query: one client of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

The hub is one address (`http://127.0.0.1:9110/prometheus`), a Prometheus or a VictoriaMetrics is another; what asks does not
need to know which. Numbers come as floats, so that nothing here needs NumPy.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from paramedic_core.errors import BadInput, LimitExceeded, NotFound, ParamedicError, PeerAway, Refused, Temporary
from paramedic_core.sys.answers import BoundedResponse

MOST_ANSWER = 64 << 20
"""Bytes of an answer; a larger one is refused before it is taken apart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer."""

    labels: Mapping[str, str]
    """`__name__` among them where it has one."""
    points: tuple[tuple[float, float], ...]
    """Unix seconds and value, in order of time; one for an instant query."""

    @property
    def value(self) -> float:
        """The newest."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Result:
    """An answer."""

    kind: str
    """vector, matrix, scalar or string."""
    series: tuple[Series, ...] = ()
    """A scalar is one series without labels."""
    text: str = ""
    """Of a string."""
    warnings: tuple[str, ...] = ()


class Query:
    """Asks one server.

    Args:
        url: what stands before `/api/v1`, as `http://127.0.0.1:9110/prometheus` or `http://victoria:8428`.
        token: for `Authorization: Bearer`; empty for none.
        timeout: seconds that each answer may take.
        tls: for https; the machine's own certificates unless given.

    Raises:
        BadInput: `url` is none.
    """

    def __init__(self, url: str, *, token: str = "", timeout: float = 30.0, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or _portless(parts)
        ):
            raise BadInput(
                f"{url[:200]!r} is no address of a Prometheus API: write http://HOST:PORT, with a path if it has one"
            )
        self.url, self.timeout = url.rstrip("/"), timeout
        self._parts, self._base, self._tls = parts, parts.path.rstrip("/"), tls
        self._headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "paramedic"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def instant(self, query: str, at: float | None = None) -> Result:
        """The value at one moment.

        Args:
            query: PromQL.
            at: Unix seconds; None for now.

        Raises:
            BadInput: the server does not understand the query.
            LimitExceeded: it cannot answer it on its data, or the answer is too large.
            Temporary: it cannot answer now.
            PeerAway: there is no answer within the timeout.
            Refused: it wants another token.
        """
        asked = {"query": query, "timeout": f"{self.timeout:g}"}
        return result_of(self._post("query", asked if at is None else {**asked, "time": f"{at:.3f}"}))

    def range(self, query: str, start: float, end: float, step: float) -> Result:
        """The values from `start` to `end`, `step` apart, all in seconds; raises as `instant`."""
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return result_of(self._post("query_range", {**asked, "timeout": f"{self.timeout:g}"}))

    def series(self, *selectors: str, start: float, end: float) -> tuple[dict[str, str], ...]:
        """The label sets that match any of the selectors and have samples in this time; raises as `instant`."""
        asked = {"match[]": list(selectors), "start": f"{start:.3f}", "end": f"{end:.3f}"}
        data = self._post("series", asked)["data"]
        return tuple(dict(labels) for labels in data)

    def label_values(self, name: str) -> tuple[str, ...]:
        """The values of a label; raises as `instant`."""
        return tuple(self._exchange("GET", f"label/{quote(name, safe='')}/values", "")["data"])

    def _post(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._exchange("POST", path, urlencode(asked, doseq=True))

    def _exchange(self, method: str, path: str, body: str) -> dict[str, Any]:
        connection = self._connection()
        connection.response_class = BoundedResponse
        late = _Deadline(self.timeout)
        try:
            connection.connect()
            late.start(connection.sock)
            connection.request(method, f"{self._base}/api/v1/{path}", body.encode() or None, self._headers)
            with connection.getresponse() as response:
                data = response.read(MOST_ANSWER + 1)
                if response.length and len(data) <= MOST_ANSWER:
                    # http.client's read(n) takes a body that was cut for a whole one.
                    raise http.client.IncompleteRead(data, response.length)
            late.check()
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: of a host's name
            why = f"not whole within {self.timeout:g} s" if late.passed else error or type(error).__name__
            raise PeerAway(f"{self.url} does not answer: {why}") from error
        finally:
            late.stop()
            connection.close()
        if len(data) > MOST_ANSWER:
            raise LimitExceeded(
                f"the answer is more than {MOST_ANSWER >> 20} MiB: ask for fewer series or a longer step"
            )
        return self._document(response.status, data)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self.timeout)

    def _document(self, status: int, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and found.get("status") == "success" and "data" in found:
            return found
        text = str(found.get("error", "")) if isinstance(found, dict) else data[:200].decode("utf-8", "replace").strip()
        if status == 200:
            raise BadInput(f"{self.url} is no Prometheus API: it answered {text[:200] or 'nothing'!r}")
        of_prometheus = isinstance(found, dict) and found.get("status") == "error"
        hint = "" if of_prometheus or self._base else f" (a paramedic's is {self.url}/prometheus)"
        raise _error(status, f"{self.url}: {text[:2000] or f'HTTP {status}'}{hint}")


class _Deadline:
    """Ends an exchange whose single reads are in time, and which has no end: the timeout of a socket is for one read."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._begun = seconds, time.monotonic()
        self._timer: threading.Timer | None = None
        self.passed = False

    def start(self, sock: socket.socket) -> None:
        """Once it is connected."""
        left = max(0.0, self._begun + self._seconds - time.monotonic())
        self._timer = threading.Timer(left, self._end, (sock,))
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def check(self) -> None:
        """A body that ends where the connection does looks whole when we end it.

        Raises:
            TimeoutError: we did.
        """
        if self.passed:
            raise TimeoutError

    def _end(self, sock: socket.socket) -> None:
        self.passed = True
        with contextlib.suppress(OSError, ValueError):  # it has gone already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _portless(parts: SplitResult) -> bool:
    try:
        return parts.port == 0
    except ValueError:
        return True


def _error(status: int, text: str) -> ParamedicError:
    if status in (401, 403):
        return Refused("token", text)
    if status == 404:
        return NotFound(text)
    if status == 422:
        return LimitExceeded(text)
    if status in (429, 502, 503, 504):
        return Temporary(text)
    return BadInput(text)


def result_of(document: Mapping[str, Any]) -> Result:
    """What a whole answer says.

    Raises:
        BadInput: it is not as the API has it.
    """
    warnings = tuple(str(w) for w in (*document.get("warnings", ()), *document.get("infos", ())))
    try:
        kind, found = document["data"]["resultType"], document["data"]["result"]
        if kind == "string":
            return Result(kind, text=str(found[1]), warnings=warnings)
        if kind == "scalar":
            return Result(kind, (Series({}, (_point(found),)),), warnings=warnings)
        name = {"vector": "value", "matrix": "values"}[kind]
        series = tuple(
            Series(dict(one["metric"]), (_point(one[name]),) if kind == "vector" else tuple(map(_point, one[name])))
            for one in found
            if name in one  # a native histogram has none
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BadInput(f"the answer is not as the API has it: {type(error).__name__}: {error}") from None
    return Result(kind, series, warnings=warnings)


def _point(pair: Any) -> tuple[float, float]:
    at, value = pair
    return float(at), float(value)
