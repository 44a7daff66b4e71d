"""Every exception of paramedic, in one drawing.

ParamedicError
├── Temporary              try again: `retry_after` says when (seconds)
│   ├── EngineAway         the engine does not answer
│   ├── PeerAway           another role does not answer
│   ├── Conflict           the object changed under us: re-read, re-decide
│   └── StoreUnavailable   a journal or store cannot be written (full disk): nothing may be done without it
├── Permanent              trying again cannot help
│   ├── NotFound           no such container, service, act
│   ├── Refused            a guard said no; `code` names it, the text says why
│   ├── NotAnEngine        what answers at this address is not a container engine
│   ├── BadInput           what came from outside is malformed or too large
│   └── LimitExceeded      a query would read or make more than its bound
└── ConfigError            a setting is wrong; the text says which, where, and what would be right
"""

from __future__ import annotations

from collections.abc import Sequence


class ParamedicError(Exception):
    """The root: everything that paramedic raises on purpose."""


class Temporary(ParamedicError):
    """What failed may work later.

    Args:
        message: what happened, and what to do.
        retry_after: seconds to wait before the next try.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineAway(Temporary):
    """The engine's socket is missing, refuses, or does not answer in time."""


class PeerAway(Temporary):
    """A role's socket is missing, refuses, or does not answer in time."""


class Conflict(Temporary):
    """The object is no longer what the caller had seen."""


class StoreUnavailable(Temporary):
    """A journal or a store cannot be written, so what depends on it is not done."""


class Permanent(ParamedicError):
    """The same call can never work."""


class NotFound(Permanent):
    """No such thing."""


class Refused(Permanent):
    """A guard said no.

    Args:
        code: the guard's stable name, as in `frozen`, `no_leave`, `ceiling`.
        message: the reason, in words for a person.
        retry_after: seconds after which it would pass, where that is known; 0 where it is not.
    """

    def __init__(self, code: str, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after


class NotAnEngine(Permanent):
    """Something answers, and it is not a container engine."""


class BadInput(Permanent):
    """Input from outside is malformed, or larger than its bound."""


class LimitExceeded(Permanent):
    """A query would read, or make, more than it may; the text names the bound and what to narrow."""


class ConfigError(ParamedicError):
    """One or more settings are wrong; the text lists them all, each with its place.

    Args:
        message: all of it, for a person.
        mistakes: one by one, for a program (`config.Mistake`).
    """

    def __init__(self, message: str, *, mistakes: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes)
