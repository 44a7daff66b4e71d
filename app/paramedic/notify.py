"""Tells systemd how the supervisor is (sd_notify(3)): ready, reloading, stopping, alive."""

from __future__ import annotations

import contextlib
import os
import socket


class Notifier:
    """Does nothing unless NOTIFY_SOCKET is set; takes the variables out of the environment, so that children stay silent."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        mine = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.interval = int(microseconds) / 2e6 if self._address and mine and microseconds.isdigit() else 0.0
        """Seconds between signs of life; 0 when none are wanted."""

    def say(self, text: str) -> None:
        """Send `READY=1` and the like; a systemd that does not listen is no reason to stop."""
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
            sender.sendto(text.encode(), self._address)
