"""Which series match: Prometheus' matchers over the index.

A missing label is an empty one: so a matcher that the empty text passes also takes the series without the label
(https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_metrics.series import Matcher
from paramedic_metrics.tsdb.index import NONE, Ids, Index
from paramedic_metrics.wanted import look

_LOOK = 4096
"""Characters that are matched between two looks at whether they are still wanted."""
_A_VALUE = 16
"""What a value costs beside its characters."""
_SPECIAL = set("\\.+*?()[]{}^$|")


def match(index: Index, matchers: Sequence[Matcher]) -> Ids:
    """The ids of the series that pass all of them, ascending.

    Raises:
        BadInput: a regular expression that RE2 refuses.
    """
    tests = [(m, predicate(m)) for m in matchers]
    with index.lock:
        taken: list[Ids] = []
        barred: list[Ids] = []
        for matcher, test in tests:
            # What passes an empty value is found by what does not pass.
            (barred if test("") else taken).append(_having(index, matcher, test, passing=not test("")))
        if not taken:
            found = index.all()
        else:
            taken.sort(key=len)
            found = taken[0]
            for more in taken[1:]:
                found = _both(found, more)
    for less in barred:
        if len(less) and len(found):
            found = found[~_within(found, less)]
    return found


def predicate(matcher: Matcher) -> Callable[[str], bool]:
    """Whether a value passes.

    Raises:
        BadInput: a regular expression that RE2 refuses.
    """
    wanted = matcher.value
    if matcher.op == "=":
        return lambda value: value == wanted
    if matcher.op == "!=":
        return lambda value: value != wanted
    from paramedic_metrics.promql import regex  # noqa: PLC0415  only a query needs its library

    try:
        full = regex.compiled(wanted).fullmatch
    except ValueError as error:
        raise BadInput(f"the regular expression {wanted!r} is invalid: {error}") from error
    if matcher.op == "=~":
        return lambda value: full(value) is not None
    return lambda value: full(value) is None


def alternatives(pattern: str) -> list[str] | None:
    """The values of a pattern that only lists them, as `a|b|c` (what dashboards' variables make); else None."""
    if not _SPECIAL.isdisjoint(pattern.replace("|", "")):
        return None
    return pattern.split("|")


def _having(index: Index, matcher: Matcher, test: Callable[[str], bool], *, passing: bool) -> Ids:
    """Series that have the label with a value that passes (or does not)."""
    name = index.names.get(matcher.name)
    if name is None:
        return NONE
    listed = [matcher.value] if matcher.op in ("=", "!=") else alternatives(matcher.value)
    positive = matcher.op in ("=", "=~")
    if listed is not None and positive == passing:
        return name.union(value for value in set(listed) if value in name.values)
    return name.union(value for value in _looking(name.values) if test(value) == passing)


def _looking(values: Iterable[str]) -> Iterator[str]:
    """The values; between some of them it is asked whether they are still wanted."""
    since = 0
    for value in values:
        since += len(value) + _A_VALUE
        if since > _LOOK:
            since = 0
            look()
        yield value


def _within(few: Ids, many: Ids) -> NDArray[np.bool_]:
    at = np.searchsorted(many, few)
    at[at == len(many)] = 0
    found: NDArray[np.bool_] = many[at] == few
    return found


def _both(few: Ids, many: Ids) -> Ids:
    if not len(few) or not len(many):
        return NONE
    return few[_within(few, many)]
