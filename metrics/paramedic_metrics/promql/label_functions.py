"""label_replace, label_join and sorting: functions of series, not of samples."""

from __future__ import annotations

import functools
import re

import numpy as np

from paramedic_metrics.promql import regex
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.labels import NAME, value_of
from paramedic_metrics.promql.run import MOST_VALUE, Run, merged
from paramedic_metrics.promql.values import Bools, Vector, rows
from paramedic_metrics.series import Labels

_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")
_ROWS = 256
"""Series between two looks at whether the query goes on."""
_LONG = 1 << 10
"""Characters of a value that takes a while to match."""
_DIGITS = re.compile(r"(\d+)")


def replace(run: Run, vector: Vector, texts: list[str]) -> Vector:
    """Set a label from what a regular expression finds in another.

    Args:
        run: the query.
        vector: the series.
        texts: target label, replacement, source label, expression.

    Raises:
        EvaluationError: the expression or the target is wrong, or two series become the same.
    """
    target, replacement, source, pattern = texts
    try:
        compiled = regex.compiled(pattern)
    except ValueError:
        raise EvaluationError(f"invalid regular expression in label_replace(): {pattern}") from None
    if not _is_name(target):
        raise EvaluationError(f"invalid destination label name in label_replace(): {target}")
    done: dict[str, str | None] = {}
    labels: list[Labels] = []
    changed = np.zeros(len(vector.labels), dtype=np.bool_)
    for row, owned in enumerate(vector.labels):
        value = value_of(owned, source)
        if row % _ROWS == 0:
            run.check()
        if value not in done:
            if len(value) > _LONG:
                run.check()
            found = compiled.fullmatch(value)
            done[value] = None if found is None else _expanded(target, replacement, found)
        result = done[value]
        labels.append(owned if result is None else run.labelled(owned, target, result))
        changed[row] = result is not None
    return _relabelled(vector, labels, target, changed)


def join(run: Run, vector: Vector, texts: list[str]) -> Vector:
    """Set a label to other labels' values, joined.

    Args:
        run: the query.
        vector: the series.
        texts: target label, separator, source labels.

    Raises:
        EvaluationError: a label has no name, or two series become the same.
    """
    target, separator, *sources = texts
    for name in sources:
        if not _is_name(name):
            raise EvaluationError(f"invalid source label name in label_join(): {name}")
    if not _is_name(target):
        raise EvaluationError(f"invalid destination label name in label_join(): {target}")
    labels: list[Labels] = []
    many = max(1, _ROWS // (len(sources) + 1))
    for row, owned in enumerate(vector.labels):
        if row % many == 0:
            run.check()
        parts = [value_of(owned, name) for name in sources]
        if sum(map(len, parts)) + len(separator) * len(parts) > MOST_VALUE:
            raise _too_long(target)
        labels.append(run.labelled(owned, target, separator.join(parts)))
    return _relabelled(vector, labels, target, np.ones(len(labels), dtype=np.bool_))


def _is_name(text: str) -> bool:
    """Whether a label may be called so; U+FFFD stands for bytes that were no UTF-8."""
    return bool(text) and "\ufffd" not in text


def _relabelled(vector: Vector, labels: list[Labels], target: str, changed: Bools) -> Vector:
    drop = vector.drop
    if drop is not None and target == NAME:
        drop = drop & ~changed
    return merged(Vector(labels, vector.values, vector.mask, drop))


def _too_long(target: str) -> EvaluationError:
    return EvaluationError(f"the value of label {target} would have more than {MOST_VALUE} characters")


def _expanded(target: str, template: str, found: object) -> str:
    """Go's Regexp.Expand: `$1`, `${name}`, `$$`; what names no group is empty.

    Raises:
        EvaluationError: it is too long for a label.
    """
    size = len(template)

    def value(reference: re.Match[str]) -> str:
        nonlocal size
        name = reference.group(1) or reference.group(2)
        if not name:
            return "$"
        try:
            group = found.group(int(name) if name.isdecimal() else name)  # type: ignore[attr-defined]  # RE2's match
        except (IndexError, KeyError, re.error, ValueError, OverflowError):
            return ""
        size += len(group or "")
        # Before they are put together: thirty thousand references to a long value are gigabytes.
        if size > 2 * MOST_VALUE:
            raise _too_long(target)
        return group or ""

    return _REFERENCE.sub(value, template)


def by_value(vector: Vector, *, descending: bool) -> Vector:
    """The series in order of their (only) samples; NaN last either way."""
    values = vector.values[:, 0]
    missing = np.isnan(values)
    keys = np.where(missing, 0.0, -values if descending else values)
    return rows(vector, np.lexsort((keys, missing)))


def by_labels(run: Run, vector: Vector, names: list[str], *, descending: bool) -> Vector:
    """The series in natural order of these labels, then of all."""
    place = {row: rank for rank, row in enumerate(run.cache.sorted_rows(vector.labels))}

    natural = functools.cache(_natural)

    def compared(one: int, other: int) -> int:
        for name in names:
            first, second = value_of(vector.labels[one], name), value_of(vector.labels[other], name)
            if first != second:
                # "007" and "7" are the same number: the text decides then.
                return -1 if (natural(first), first) < (natural(second), second) else 1
        return place[one] - place[other]

    order = sorted(range(len(vector.labels)), key=functools.cmp_to_key(compared), reverse=descending)
    return rows(vector, order)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Runs of digits as numbers."""
    parts = [part for part in _DIGITS.split(text) if part]
    numbers = [part.lstrip("0") if part.isascii() and part.isdigit() else None for part in parts]
    return [
        (1, 0, part) if number is None else (0, len(number), number)
        for part, number in zip(parts, numbers, strict=True)
    ]
