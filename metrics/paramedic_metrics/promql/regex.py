"""RE2 regular expressions as Prometheus reads them: anchored at both ends, `.` matches a newline."""

from __future__ import annotations

import functools
from typing import Any

import re2  # type: ignore[import-untyped]  # it has no stubs

from paramedic_metrics.series import Matcher

MAX_LENGTH = 16_384
"""Characters of a regular expression."""


_MOST = 2 << 20
"""Bytes that an expression may take. One of six hundred hosts' names takes a sixth of it; a class of all letters, repeated some
hundred times, would take a hundred times as much, and as much longer for each value."""


def _options() -> Any:
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _MOST
    return options


_OPTIONS = _options()


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The expression, to be used with `fullmatch`.

    Raises:
        ValueError: RE2 refuses it, or it is too long or takes too much; the text says why.
    """
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters")
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def problem(pattern: str) -> str | None:
    """Why RE2 refuses the expression; None when it does not."""
    try:
        compiled(pattern)
    except ValueError as error:
        return str(error)
    return None


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label's value fits."""
    if matcher.op == "=":
        return value == matcher.value
    if matcher.op == "!=":
        return value != matcher.value
    return (compiled(matcher.value).fullmatch(value) is not None) == (matcher.op == "=~")


def matches_empty(matcher: Matcher) -> bool:
    """Whether series without the label fit."""
    return matches(matcher, "")
