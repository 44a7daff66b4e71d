"""TLS for a role's TCP listeners: a certificate and key in files, read again when they change."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from pathlib import Path

from paramedic_core.errors import ConfigError

log = logging.getLogger("paramedic.tls")
_HANDSHAKE = 10.0


class ServerTls:
    """Wraps connections; a certificate that was renewed counts from the next connection on.

    Args:
        certificate: PEM, with the chain below it.
        key: PEM, without a password; readable by the role's own user.

    Raises:
        ConfigError: they cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._lock = threading.Lock()
        self._failed: tuple[tuple[int, ...], ...] | None = None
        try:
            self._stamp = self._look()
            self._context = self._load()
        except (OSError, ValueError) as error:
            raise ConfigError(f"TLS cannot be had with {certificate} and {key}: {error}") from error

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        """A connection's other face, the handshake not yet done: `handshake` does it.

        Raises:
            OSError: the connection has ended.
        """
        with self._lock:
            self._renew()
            context = self._context
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def handshake(self, connection: ssl.SSLSocket) -> None:
        """Agree with the caller, within ten seconds.

        Raises:
            OSError: it speaks no TLS, an old one, or too slowly.
        """
        connection.settimeout(_HANDSHAKE)
        connection.do_handshake()

    def _renew(self) -> None:
        """Read the files again if they have changed. While they do not fit, as between two writes, the old ones stay."""
        try:
            stamp = self._look()
            if stamp in (self._stamp, self._failed):
                return
            self._context, self._stamp, self._failed = self._load(), stamp, None
            log.info("the certificate %s has changed: the new one is used", self._certificate)
        except (OSError, ValueError) as error:
            changed = _stamp_or_none(self._certificate), _stamp_or_none(self._key)
            if changed != self._failed:
                log.warning(
                    "the certificate %s has changed and cannot be used, the old one is: %s", self._certificate, error
                )
                self._failed = changed

    def _look(self) -> tuple[tuple[int, ...], ...]:
        return tuple(_stamp(path) for path in (self._certificate, self._key))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A password would be asked for on the terminal, and hang the role.
        context.load_cert_chain(self._certificate, self._key, password=lambda: "")
        return context


def _stamp(path: Path) -> tuple[int, ...]:
    facts = os.stat(path)  # noqa: PTH116  follows links, as certbot makes them
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _stamp_or_none(path: Path) -> tuple[int, ...]:
    try:
        return _stamp(path)
    except OSError:
        return ()
