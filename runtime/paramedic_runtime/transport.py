"""docker-py's transport over a unix socket, with two of its habits mended.

It keeps one pool of connections for each URL, so each container's inspect would open a connection of its own; and it leaves
the socket open when nobody listens.
"""

from __future__ import annotations

import socket
from typing import Any

from paramedic_runtime.lean import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool


class UnixAdapter(UnixHTTPAdapter):
    """One pool for all URLs."""

    def get_connection(self, url: str | bytes, proxies: Any = None) -> Any:  # noqa: ARG002  the base class's shape
        """The one pool."""
        with self.pools.lock:
            pool = self.pools.get("")
            if pool is None:
                pool = _Pool("http+docker://localhost", self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools[""] = pool
            return pool


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        seconds: Any = self.timeout
        return _Connection(self.base_url, self.socket_path, seconds)


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except BaseException:
            sock.close()
            raise
        self.sock = sock
