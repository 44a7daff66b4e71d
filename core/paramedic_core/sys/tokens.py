"""Tokens: who may ask a role for what. Only the SHA-256 of a token is kept, so the file tells nobody a token.

`DATA/tokens.json` is written by root's command line alone (root:59110, 0640); hub and runtime read it, and read it again
when it changes. A token is 256 random bits, so a plain hash needs no salt and no stretching.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paramedic_core.errors import BadInput, NotFound, Temporary
from paramedic_core.sys.files import read_bounded, write_atomic
from paramedic_core.sys.identity import GID

PREFIX = "paramedic_"
ROLES = ("sender", "viewer", "operator", "admin")
"""`sender` may deliver webhooks and nothing else; the others each include those before them, from viewer on."""
_LENGTH = len(PREFIX) + 43
_MOST_TOKENS = 1000
_RETRY_DAMAGED = 10.0
"""Seconds: somebody has to mend the file first."""
_FIELDS = ("id", "name", "role", "sha256", "created")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: never the token itself."""

    id: str
    name: str
    role: str
    sha256: str
    created: float
    """Unix seconds."""

    def allows(self, role: str) -> bool:
        """Whether it may do what needs `role`: viewer < operator < admin, sender apart."""
        if "sender" in (role, self.role):
            return role == self.role
        return ROLES.index(self.role) >= ROLES.index(role)


class TokenStore:
    """The tokens of one data directory.

    Args:
        path: `DATA/tokens.json`; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._tokens: tuple[Token, ...] = ()

    def check(self, text: str) -> Token | None:
        """The token that `text` is, or None. Takes the same time whichever token matches, and the file is read only when it has changed.

        Raises:
            Temporary: the file is damaged or cannot be read; nobody is let in until it is mended. It is no fault of the
                caller's, who must not take what was sent for refused (Alertmanager drops what is answered with a 4xx).
        """
        if len(text) != _LENGTH or not text.startswith(PREFIX):
            return None
        digest = _digest(text).encode()
        found = None
        try:
            tokens = self.list()
        except BadInput as error:
            raise Temporary(str(error), retry_after=_RETRY_DAMAGED) from error
        for token in tokens:
            # Every token is compared, so that the time says nothing about the place of the right one.
            if hmac.compare_digest(token.sha256.encode(), digest):
                found = token
        return found

    def list(self) -> tuple[Token, ...]:
        """All tokens, oldest first; read again when the file has changed.

        Raises:
            BadInput: the file is damaged, or cannot be read.
        """
        with self._lock:
            try:
                stat = self.path.stat()
                seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                if seen != self._seen:
                    self._tokens = _parse(self.path, read_bounded(self.path))
                    self._seen = seen
            except FileNotFoundError:
                self._tokens, self._seen = (), None
            except OSError as error:
                raise BadInput(f"{self.path} cannot be read: {error.strerror}") from error
            return self._tokens

    def create(self, name: str, role: str) -> str:
        """Make a token and return its text, which is shown this once.

        Raises:
            BadInput: no such role, an unusable name, a name that is taken, or too many tokens.
            OSError: the file cannot be written.
        """
        if role not in ROLES:
            raise BadInput(f"{role!r} is no role: {', '.join(ROLES)}")
        if not name or len(name) > 64 or not name.isprintable():
            raise BadInput("a token's name has 1 to 64 printable characters")
        with self._changing() as tokens:
            if len(tokens) >= _MOST_TOKENS:
                raise BadInput(f"there are {len(tokens)} tokens, the most there may be: revoke some first")
            if any(t.name == name for t in tokens):
                raise BadInput(f"there is a token named {name!r} already: revoke it first, or choose another name")
            text = PREFIX + secrets.token_urlsafe(32)
            token = Token(secrets.token_hex(4), name, role, _digest(text), round(time.time(), 3))
            self._write((*tokens, token))
        return text

    def revoke(self, id_or_name: str) -> Token:
        """Take a token away, by its id or its name; it stops counting at the next request.

        Raises:
            NotFound: there is none.
            OSError: the file cannot be written.
        """
        with self._changing() as tokens:
            gone = [t for t in tokens if id_or_name in (t.id, t.name)]
            if not gone:
                raise NotFound(f"there is no token {id_or_name!r}: `paramedic token list` shows them")
            self._write(tuple(t for t in tokens if t not in gone))
        return gone[0]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[Token, ...]]:
        """Hold other writers off (flock(2) on the folder) and give what there is now."""
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield self.list()
        finally:
            os.close(fd)

    def _write(self, tokens: tuple[Token, ...]) -> None:
        content = json.dumps({"tokens": [asdict(t) for t in tokens]}, indent=1).encode() + b"\n"
        write_atomic(self.path, content, 0o640, gid=GID if os.geteuid() == 0 else -1)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _parse(path: Path, data: bytes) -> tuple[Token, ...]:
    try:
        entries = json.loads(data)["tokens"]
        if not isinstance(entries, list) or len(entries) > _MOST_TOKENS:
            raise BadInput(f"{path}: `tokens` must be a list of at most {_MOST_TOKENS}")
        return tuple(_token(entry) for entry in entries)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{path} is damaged ({error}): restore it, or remove it and make new tokens with `paramedic token create`"
        ) from None


def _token(entry: Mapping[str, Any]) -> Token:
    token = Token(**{name: entry[name] for name in _FIELDS})
    words = (token.id, token.name, token.role, token.sha256)
    if not all(isinstance(w, str) for w in words) or token.role not in ROLES or len(token.sha256) != 64:
        raise ValueError("an entry is malformed")
    return token
