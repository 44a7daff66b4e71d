"""Parameters of the Prometheus API, from the address or a form, with its own texts for what is wrong (web/api/v1/api.go)."""

from __future__ import annotations

import datetime as dt
import math
import re

from flask import request

from paramedic_api.prometheus.errors import QueryProblem, bad_parameter
from paramedic_metrics.scrape.fields import duration

FAR = 1 << 53
"""Milliseconds beyond which a moment is as good as never: Grafana asks with milliseconds where seconds belong."""
MOST_POINTS = 11_000
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ENDLESS = frozenset({"inf", "infinity"})
_LABEL_CODE = re.compile(r"_([0-9a-fA-F]{1,6})_|__")
_MOST_MATCHES = 100


def text(name: str) -> str:
    """A parameter; what a form says counts more than the address, as in Go."""
    return request.form.get(name) or request.args.get(name) or ""


def texts(name: str) -> list[str]:
    """All values of a parameter.

    Raises:
        QueryProblem: more than a hundred.
    """
    found = [*request.form.getlist(name), *request.args.getlist(name)]
    if len(found) > _MOST_MATCHES:
        raise bad_parameter(name, f"{len(found)} of them (at most {_MOST_MATCHES})")
    return found


def moment(name: str, default: int) -> int:
    """A time in Unix milliseconds, from seconds or RFC 3339; times beyond all sense are taken, and bounded.

    Raises:
        QueryProblem: it is none.
    """
    given = text(name)
    if not given:
        return default
    found = _moment(given)
    if found is None:
        raise bad_parameter(name, f'cannot parse "{given[:60]}" to a valid timestamp')
    return max(-FAR, min(FAR, found))


def _moment(given: str) -> int | None:
    if given.lower().lstrip("+-") in _ENDLESS:
        return -FAR if given.startswith("-") else FAR
    if _NUMBER.fullmatch(given):
        seconds = float(given)
        if math.isinf(seconds):
            return None  # as Go: what no float can hold is no number
        return round(seconds * 1000) if abs(seconds) < FAR else int(math.copysign(FAR, seconds))
    match = _RFC3339.fullmatch(given)
    if match is None:
        return None
    fraction = match[1] or ""
    try:
        whole = dt.datetime.fromisoformat(given.replace(fraction, "", 1) if fraction else given)
    except ValueError:
        return None
    return round(whole.timestamp() * 1000) + round(float(f"0{fraction}" if fraction else 0) * 1000)


def span(name: str, default: float) -> float:
    """A duration in seconds, from seconds or `1h30m`.

    Raises:
        QueryProblem: it is none.
    """
    given = text(name)
    if not given:
        return default
    found = float(given) if _NUMBER.fullmatch(given) else duration(given)
    if found is None or abs(found) > FAR / 1000:
        raise bad_parameter(name, f'cannot parse "{given[:60]}" to a valid duration')
    return found


def count(name: str) -> int:
    """A whole number of 0 or more; 0 where there is none.

    Raises:
        QueryProblem: it is none.
    """
    given = text(name)
    if not given:
        return 0
    if not re.fullmatch(r"\d{1,15}", given, re.ASCII):
        raise bad_parameter(name, f'cannot parse "{given[:60]}" to a whole number of 0 or more')
    return int(given)


def count_or_all(name: str) -> int | None:
    """A whole number; None, for all, where there is none or it is below 0. 0 is none of them (api.go, metricMetadata).

    Raises:
        QueryProblem: it is none.
    """
    given = text(name)
    if not re.fullmatch(r"([+-]?\d{1,15})?", given, re.ASCII):
        raise QueryProblem("bad_data", f"{name} must be a number")
    return int(given) if given and int(given) >= 0 else None


def positive(name: str, default: int) -> int:
    """A whole number above 0.

    Raises:
        QueryProblem: it is none.
    """
    given = text(name)
    if not given:
        return default
    if not re.fullmatch(r"\+?\d{1,15}", given, re.ASCII) or not int(given):
        raise QueryProblem("bad_data", f"{name} must be a positive number")
    return int(given)


def grid(now: int) -> tuple[int, int, int]:
    """Start, end and step of a range query, in milliseconds.

    Args:
        now: for what is missing; nothing is, in a valid request.

    Raises:
        QueryProblem: they make no sense, or too many points.
    """
    for name in ("start", "end"):
        if not text(name):
            raise bad_parameter(name, 'cannot parse "" to a valid timestamp')
    start, end = moment("start", now), moment("end", now)
    if end < start:
        raise bad_parameter("end", "end timestamp must not be before start time")
    if not text("step"):
        raise bad_parameter("step", 'cannot parse "" to a valid duration')
    seconds = span("step", 0.0)
    # Finer than we count, which is below a second's thousandth: too fine all the same, and Prometheus says that of it.
    step = round(seconds * 1000) or (1 if seconds > 0 else 0)
    if step <= 0:
        raise bad_parameter(
            "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if (end - start) / min(step, seconds * 1000) >= MOST_POINTS + 1:
        raise QueryProblem(
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        )
    return start, end, step


def unescaped(name: str) -> str:
    """A label's name as Grafana may write it: `U__` and codes for what is no plain name (model.UnescapeName)."""
    if not name.startswith("U__"):
        return name
    return _LABEL_CODE.sub(lambda m: "_" if m[1] is None else _character(m[0], m[1]), name[3:])


def _character(whole: str, code: str) -> str:
    number = int(code, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else whole
