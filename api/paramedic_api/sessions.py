"""Who is logged in on the page: sessions kept in memory on the server; the browser has an id that means nothing elsewhere."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field

from paramedic_core.clock import Clock
from paramedic_core.sys.tokens import Token

COOKIE = "paramedic_session"
LIFETIME = 12 * 3600.0
"""Seconds after the last use, and three days after the login at the latest."""
_LONGEST = 3 * 86400.0
_MOST = 256


@dataclass(slots=True)
class Session:
    """One login."""

    text: str = field(repr=False)
    """The token as it was typed: passed on where another role wants to check it itself."""
    token: Token
    since: float
    used: float


class Sessions:
    """At most 256 logins; the one longest unused makes room for the next.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def open(self, text: str, token: Token) -> str:
        """Log in; returns the cookie's value."""
        now = self._clock.monotonic()
        value = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._open) >= _MOST:
                del self._open[min(self._open, key=lambda k: self._open[k].used)]
            self._open[_key(value)] = Session(text, token, now, now)
        return value

    def find(self, value: str) -> Session | None:
        """The login of a cookie, if it is still open. The look-up is by hash, so its time tells nothing of other ids."""
        now = self._clock.monotonic()
        key = _key(value)
        with self._lock:
            session = self._open.get(key)
            if session is None:
                return None
            if now - session.used > LIFETIME or now - session.since > _LONGEST:
                del self._open[key]
                return None
            session.used = now
            return session

    def close(self, value: str) -> None:
        """Log out."""
        with self._lock:
            self._open.pop(_key(value), None)

    def __len__(self) -> int:
        return len(self._open)


def _key(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
