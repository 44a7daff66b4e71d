"""Errors on the wire: problem documents (RFC 9457), made from exceptions and turned back into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramedic_core.errors import (
    BadInput,
    ConfigError,
    Conflict,
    EngineAway,
    LimitExceeded,
    NotAnEngine,
    NotFound,
    ParamedicError,
    PeerAway,
    Refused,
    StoreUnavailable,
    Temporary,
)

CONTENT_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[ParamedicError], int, str, str], ...] = (
    (NotFound, 404, "not_found", "Not found"),
    (BadInput, 400, "bad_input", "Malformed request"),
    (ConfigError, 400, "bad_config", "Wrong setting"),
    (Conflict, 409, "conflict", "Changed meanwhile"),
    (Refused, 422, "refused", "Refused by a guard"),
    (LimitExceeded, 422, "limit_exceeded", "More than may be asked at once"),
    (NotAnEngine, 502, "not_an_engine", "Not a container engine"),
    (EngineAway, 503, "engine_away", "The engine is away"),
    (PeerAway, 503, "peer_away", "A part of paramedic is away"),
    (StoreUnavailable, 503, "store_unavailable", "A journal cannot be written"),
    (Temporary, 503, "temporary", "Not now"),
)


def problem(status: int, kind: str, title: str, detail: str, /, **more: Any) -> dict[str, Any]:
    """A problem document; `type` is stable and made from `kind`."""
    return {"type": f"urn:paramedic:problem:{kind}", "title": title, "status": status, "detail": detail, **more}


def problem_of(error: ParamedicError) -> dict[str, Any]:
    """The problem document of one of our exceptions."""
    for kind, status, code, title in _STATUS:
        if isinstance(error, kind):
            more: dict[str, Any] = {}
            if isinstance(error, Refused):
                more["code"] = error.code
            if isinstance(error, Temporary) or (isinstance(error, Refused) and error.retry_after):
                more["retry_after"] = error.retry_after
            return problem(status, code, title, str(error), **more)
    return problem(500, "internal", "Internal error", str(error))


def error_of(document: Mapping[str, Any], status: int) -> ParamedicError:
    """The exception that a problem document stands for; of an unknown one, the nearest by status."""
    code = str(document.get("type", "")).rpartition(":")[2]
    detail = str(document.get("detail") or document.get("title") or f"HTTP {status}")
    for kind, known_status, known_code, _ in _STATUS:
        if code == known_code or (not code and status == known_status):
            if issubclass(kind, Refused):
                return Refused(str(document.get("code", "refused")), detail, retry_after=_seconds(document, 0.0))
            if issubclass(kind, Temporary):
                return kind(detail, retry_after=_seconds(document, 1.0))
            return kind(detail)
    if status == 500:
        # It broke down amid the call: whether it did what was asked is not known, as when it went away.
        return PeerAway(detail)
    return Temporary(detail) if status > 500 else BadInput(detail)


def _seconds(document: Mapping[str, Any], default: float) -> float:
    """The document's `retry_after`; `default` for what is no number of seconds."""
    try:
        wait = float(document.get("retry_after", default))
    except (TypeError, ValueError):
        return default
    return wait if 0 <= wait < float("inf") else default
