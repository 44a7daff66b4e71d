"""A proxy in front of the hub: below which path it stands, and whose word about callers is believed.

X-Forwarded-For, -Proto and -Host are believed from `hub.trusted_proxies` alone. The base path of `hub.public_url` works
whether the proxy takes it off or not; all links of the page are relative.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import request

from paramedic_core.settings import HubSettings

_PROXIED = "paramedic.proxied"
_MOST_HOPS = 32


class Front:
    """WSGI middleware that makes a request look as its caller sent it.

    Args:
        app: the application behind it.
        settings: `public_url` and `trusted_proxies`.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], settings: HubSettings) -> None:
        self._app = app
        self._public = urlsplit(settings.public_url)
        self._base = self._public.path.rstrip("/")
        self._trusted = tuple(ipaddress.ip_network(network) for network in settings.trusted_proxies)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            self._believe(environ)
        if self._base and path == self._base:
            # Without the slash, relative links would lead out of the base path.
            start_response("308 Permanent Redirect", [("Location", f"{self._base}/"), ("Content-Length", "0")])
            return [b""]
        if self._base and path.startswith(f"{self._base}/"):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._base, path[len(self._base) :]
        return self._app(environ, start_response)

    def _believe(self, environ: dict[str, Any]) -> None:
        environ[_PROXIED] = True
        environ["SCRIPT_NAME"] = self._base
        environ["REMOTE_ADDR"] = self._client(environ)
        scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower() or self._public.scheme
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        if host := _last(environ.get("HTTP_X_FORWARDED_HOST", "")):
            environ["HTTP_HOST"] = host

    def _client(self, environ: dict[str, Any]) -> str:
        """The nearest address that is not a trusted proxy's: what stands left of it anybody could have written."""
        client = str(environ["REMOTE_ADDR"])
        for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")[-_MOST_HOPS:]):
            address = hop.strip()
            if not self._trusts(client) or _parsed(address) is None:
                break
            client = address
        return client

    def _trusts(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._trusted)


def proxied() -> bool:
    """Whether the request at hand came through a trusted proxy."""
    return _PROXIED in request.environ


def _last(value: str) -> str:
    """The last of several values: the nearest proxy's own."""
    return value.rpartition(",")[2].strip()


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
