"""Relabelling, all actions of Prometheus 3 (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config). Pure.

`re2` is imported when the first rule is made: it is only there for the hub.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from paramedic_core.errors import BadInput

Action = Literal[
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
]
ACTIONS: tuple[Action, ...] = Action.__args__  # type: ignore[attr-defined]  # typing gives the words only this way
_REFERENCE = re.compile(r"\$(?:\$|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_MOST_PATTERN = 16 << 10
_MOST_VALUE = 64 << 10


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its defaults are Prometheus'."""

    action: Action = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"
    pattern: Any = field(default=None, compare=False)
    """The compiled expression, made by `rule`."""


def rule(**given: Any) -> Rule:
    """A rule, checked and compiled.

    Raises:
        BadInput: the expression is none of RE2's, or something that its action needs is missing, or does not go with it.
    """
    made = Rule(**given)
    needs_target = made.action in ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
    if needs_target and not made.target_label:
        raise BadInput(f"the action {made.action} needs a target_label")
    if made.action == "hashmod" and made.modulus < 1:
        raise BadInput("the action hashmod needs a modulus of at least 1")
    if made.action in ("labeldrop", "labelkeep", "keepequal", "dropequal"):
        _needs_nothing_else(made)
    return Rule(**{**given, "pattern": compiled(made.regex)})


def compiled(regex: str) -> Any:
    """An expression of RE2, to be used with `fullmatch`; `.` matches a newline, as in Prometheus 3.

    Raises:
        BadInput: it is none.
    """
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415  only the hub has it in memory, and only with a rule

    if len(regex) > _MOST_PATTERN:
        raise BadInput(f"a regular expression of {len(regex)} characters (at most {_MOST_PATTERN})")
    try:
        return re2.compile(f"(?s:{regex})")
    except re2.error as error:
        raise BadInput(f"the regular expression {regex[:80]!r} cannot be read: {error}") from None


def relabel(labels: Mapping[str, str], rules: Iterable[Rule]) -> dict[str, str] | None:
    """The labels after all rules, empty ones left out; None when a rule drops them."""
    found = dict(labels)
    for one in rules:
        if not _apply(found, one):
            return None
    return found


def _apply(labels: dict[str, str], one: Rule) -> bool:
    """Change `labels` by one rule; return whether they are kept."""
    value = one.separator.join([labels.get(name, "") for name in one.source_labels])
    action = one.action
    if action == "keep":
        return one.pattern.fullmatch(value) is not None
    if action == "drop":
        return one.pattern.fullmatch(value) is None
    if action == "keepequal":
        return labels.get(one.target_label, "") == value
    if action == "dropequal":
        return labels.get(one.target_label, "") != value
    if action == "replace":
        _replace(labels, one, value)
    elif action in ("lowercase", "uppercase"):
        _set(labels, one.target_label, value.lower() if action == "lowercase" else value.upper())
    elif action == "hashmod":
        # RFC 1321's digest; Prometheus takes its last eight bytes (model/relabel, sum64).
        digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
        _set(labels, one.target_label, str(int.from_bytes(digest[8:], "big") % one.modulus))
    elif action == "labelmap":
        for name, held in sorted(labels.items()):
            match = one.pattern.fullmatch(name)
            if match is not None:
                _set(labels, expand(one.replacement, match), held)
    else:
        drop = action == "labeldrop"
        for name in [n for n in labels if (one.pattern.fullmatch(n) is not None) == drop]:
            del labels[name]
    return True


def _replace(labels: dict[str, str], one: Rule, value: str) -> None:
    match = one.pattern.fullmatch(value)
    if match is None:
        return
    target = expand(one.target_label, match)
    if target:  # any name will do in Prometheus 3
        _set(labels, target, expand(one.replacement, match))


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value[:_MOST_VALUE]
    else:
        labels.pop(name, None)


def expand(template: str, match: Any) -> str:
    """`$1`, `${1}`, `$name` and `$$` replaced, as Go's `Regexp.Expand` does; a group that is not there is empty."""
    if "$" not in template:
        return template

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError, OverflowError):
            return ""

    return _REFERENCE.sub(group, template)


def _needs_nothing_else(made: Rule) -> None:
    plain = Rule(action=made.action)
    allowed = {"regex"} if made.action.startswith("label") else {"source_labels", "target_label"}
    names: Sequence[str] = ("source_labels", "target_label", "modulus", "separator", "replacement", "regex")
    wrong = [name for name in names if name not in allowed and getattr(made, name) != getattr(plain, name)]
    if wrong:
        raise BadInput(f"the action {made.action} takes {' and '.join(sorted(allowed))} only, not {', '.join(wrong)}")
