"""Files in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), read strictly.

A line that is right is passed on nearly as it is: its labels in order, its number as Go writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paramedic_collector.exposition import number

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
# Possessive, since two runs of blanks in a row would be tried in every division.
_SAMPLE = re.compile(rf"({_NAME})[ \t]*+(?:\{{(.*)\}})?[ \t]*+([^ \t{{}}]++)(?:[ \t]++(-?[0-9]++))?[ \t]*+")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*(?:,|$)')
_COMMENT = re.compile(rf"#[ \t]+(HELP|TYPE)[ \t]+({_NAME})(?:[ \t]+(.*))?")
_KINDS = frozenset({"counter", "gauge", "untyped", "histogram", "summary"})
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_LONGEST = 65_536
"""Characters of a line."""


@dataclass(slots=True)
class Read:
    """One family of one file."""

    name: str
    kind: str = "untyped"
    help: str = ""
    samples: dict[str, str] = field(default_factory=dict)
    """`name{labels} ` → number."""


def parse(text: str) -> list[Read]:
    """The families of a file.

    Raises:
        ValueError: it is not in the format, gives a series twice, or has time stamps of its own.
    """
    found: dict[str, Read] = {}
    for count, whole in enumerate(text.split("\n"), 1):
        line = whole.strip(" \t\r")
        try:
            if line.startswith("#"):
                _comment(line, found)
            elif line:
                _sample(line, found)
        except ValueError as error:
            raise ValueError(f"line {count}: {error}") from None
    return [family for family in found.values() if family.samples]


def _comment(line: str, found: dict[str, Read]) -> None:
    match = _COMMENT.fullmatch(line)
    if match is None:
        return
    what, name, rest = match.groups()
    family = found.setdefault(name, Read(name))
    if what == "HELP":
        family.help = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], rest or "")
        return
    if rest not in _KINDS:
        raise ValueError(f"no type is called {rest!r}")
    if family.samples:
        raise ValueError(f"the type of {name} comes after its samples")
    family.kind = rest


def _sample(line: str, found: dict[str, Read]) -> None:
    match = _SAMPLE.fullmatch(line) if len(line) <= _LONGEST else None
    if match is None:
        raise ValueError(f"no sample: {line[:80]!r}")
    name, labels, value, timestamp = match.groups()
    if timestamp is not None:
        raise ValueError("it has a time stamp of its own, which is not supported")
    family = _family_of(name, found)
    start = f"{name}{{{_labels(labels)}}} " if labels and labels.strip() else f"{name} "
    if start in family.samples:
        raise ValueError(f"the series {start.strip()} is there twice")
    family.samples[start] = number(float(value))


def _family_of(name: str, found: dict[str, Read]) -> Read:
    for kind, ends in _PARTS.items():
        for end in ends:
            family = found.get(name.removesuffix(end)) if name.endswith(end) else None
            if family is not None and family.kind == kind:
                return family
    return found.setdefault(name, Read(name))


def _labels(text: str) -> str:
    """The labels in order of their names."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text) and text[at:].strip():
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError(f"no labels: {text[:80]!r}")
        if match[1] in pairs:
            raise ValueError(f"the label {match[1]} is there twice")
        pairs[match[1]] = match[2]
        at = match.end()
    return ",".join(f'{key}="{pairs[key]}"' for key in sorted(pairs))
