"""One engine's HTTP API by docker-py's low-level client, with a bound on everything: time, size, and what is believed.

docker-py brings the transports (unix socket, TCP, TLS by DOCKER_CERT_PATH); answers are read here, since its own reading has
neither a limit nor an overall deadline.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from paramedic_core.errors import EngineAway, NotFound, Permanent
from paramedic_runtime.answer import Lines, pieces, shut
from paramedic_runtime.labels import text
from paramedic_runtime.lean import docker, kwargs_from_env, requests
from paramedic_runtime.transport import UnixAdapter
from paramedic_runtime.trouble import BROKEN, alien, explain

OLDEST = (1, 41)
NEWEST = (1, 56)
"""The API versions that are spoken; 1.41 is engine 20.10's, 1.56 that of engine 29."""
_MOST = 32 << 20
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}")


class Wire:
    """Calls to one address.

    Args:
        address: as `unix:///run/docker.sock` or `tcp://10.0.0.1:2376`.
        timeout: seconds that a read may take, from the first byte sent to the last received.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self.address, self._timeout = address, timeout
        self.api = ".".join(map(str, OLDEST))
        tls = kwargs_from_env().get("tls", False) if address.startswith("tcp://") else False
        try:
            self._client = docker.APIClient(base_url=address, version=self.api, timeout=int(timeout) + 1, tls=tls)
        except BROKEN as error:
            raise EngineAway(f"{address} is no address of an engine: {error}", retry_after=10.0) from error
        self._client.trust_env = False
        if address.startswith("unix://"):
            self._client.mount("http+docker://", UnixAdapter("http+" + address, int(timeout) + 1))

    def negotiate(self) -> dict[str, Any]:
        """Agree on the newest API version that both sides speak; returns the engine's `/version`.

        Raises:
            EngineAway: no answer.
            NotAnEngine: an answer that is no engine's, or an engine older than 20.10.
        """
        found = self.get("/version", versioned=False, most=1 << 20)
        if not isinstance(found, dict) or not _VERSION.fullmatch(str(found.get("ApiVersion"))):
            raise alien(self.address, "its /version does not name an API version")
        names = [str(c.get("Name", "")) for c in found.get("Components") or () if isinstance(c, Mapping)]
        if any("podman" in n.lower() for n in names):
            raise alien(self.address, "it is Podman, which is not supported")
        newest = _pair(found["ApiVersion"])
        oldest = _pair(found["MinAPIVersion"]) if _VERSION.fullmatch(str(found.get("MinAPIVersion"))) else (1, 0)
        if newest < OLDEST:
            raise alien(
                self.address, f"its API {found['ApiVersion']} is older than 1.41: update to Docker 20.10 or later"
            )
        major, minor = max(min(newest, NEWEST), oldest)
        self.api = f"{major}.{minor}"
        return found

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        versioned: bool = True,
        most: int = _MOST,
    ) -> Any:
        """GET a JSON value.

        Raises:
            NotFound: 404.
            EngineAway: no whole answer in time, or an error of the engine's own.
            NotAnEngine: an answer that is no JSON, or endless.
        """
        body = self.read(path, params, versioned=versioned, most=most)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise alien(self.address, f"GET {path} gave no JSON ({text(str(error), 80)})") from error

    def read(
        self, path: str, params: Mapping[str, Any] | None = None, *, versioned: bool = True, most: int = _MOST
    ) -> bytes:
        """GET the bytes of an answer; raises as `get`."""
        end = time.monotonic() + self._timeout
        with self._asked("GET", path, params, self._timeout, versioned=versioned) as response:
            body = self._body(response, end, most)
        if response.status_code >= 400:
            raise self._error(response.status_code, body, f"GET {path}")
        return body

    def post(self, path: str, params: Mapping[str, Any], timeout: float) -> None:
        """POST without a body and wait for the answer; 304 (nothing to do) is one.

        Raises:
            NotFound: 404.
            Permanent: the engine refused, in its own words.
            EngineAway: no answer within `timeout` seconds: whether it was done is not known.
        """
        end = time.monotonic() + timeout
        with self._asked("POST", path, params, timeout) as response:
            body = self._body(response, end, 1 << 20)
        if response.status_code >= 400:
            raise self._error(response.status_code, body, f"POST {path}")

    def lines(self, path: str, params: Mapping[str, Any]) -> Lines:
        """GET an endless answer, line by line; raises as `get`."""
        response = self._ask("GET", path, params, self._timeout)
        if response.status_code < 400:
            return Lines(self.address, response)
        try:
            body = self._body(response, time.monotonic() + self._timeout, 1 << 20)
        finally:
            response.close()
        raise self._error(response.status_code, body, f"GET {path}")

    def close(self) -> None:
        """Let go of idle connections."""
        self._client.close()

    @contextlib.contextmanager
    def _asked(
        self, method: str, path: str, params: Mapping[str, Any] | None, timeout: float, *, versioned: bool = True
    ) -> Iterator[requests.Response]:
        response = self._ask(method, path, params, timeout, versioned=versioned)
        try:
            yield response
        except BaseException:
            # What is left of the answer is not read: the connection cannot be used again.
            shut(response)
            raise
        finally:
            response.close()

    def _ask(
        self, method: str, path: str, params: Mapping[str, Any] | None, timeout: float, *, versioned: bool = True
    ) -> requests.Response:
        prefix = f"/v{self.api}" if versioned else ""
        url = f"{self._client.base_url}{prefix}{path}"
        try:
            return self._client.request(method, url, params=params, stream=True, timeout=timeout, allow_redirects=False)
        except BROKEN as error:
            raise explain(error, self.address, timeout) from error

    def _body(self, response: requests.Response, end: float, most: int) -> bytes:
        found, size = [], 0
        try:
            for piece in pieces(response):
                size += len(piece)
                if size > most:
                    raise alien(self.address, f"its answer has no end ({size} bytes and more)")
                if time.monotonic() > end:
                    raise EngineAway(f"{self.address} does not finish its answer in time", retry_after=2.0)
                found.append(piece)
        except BROKEN as error:
            raise explain(error, self.address, self._timeout) from error
        return b"".join(found)

    def _error(self, status: int, body: bytes, call: str) -> Exception:
        try:
            message = text(json.loads(body)["message"])
        except (ValueError, KeyError, TypeError, RecursionError):
            if status == 404 or b"<" in body[:64]:
                return alien(self.address, f"{call} gave status {status} and no word of an engine's")
            message = text(body[:200].decode("utf-8", "replace"))
        if status == 404:
            return NotFound(message)
        if call.startswith("POST") and status != 503:
            return Permanent(f"the engine refused ({status}): {message}")
        return EngineAway(f"{self.address} answered {call} with {status}: {message}", retry_after=2.0)


def quoted(target: str) -> str:
    """A container's id or name as part of a path."""
    return quote(target, safe="")


def _pair(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)
