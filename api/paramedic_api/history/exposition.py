"""Reads the few families that the page needs out of a text exposition.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Lines of other families are passed over by
their first characters, so a scrape of 200 containers costs the hub a few milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

MOST_SAMPLES = 50_000
_MOST_LINE = 16_384
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line."""

    labels: Mapping[str, str]
    value: float


def parse(text: str, wanted: Collection[str]) -> dict[str, list[Sample]]:
    """The samples of the wanted families, by name; lines that cannot be read are passed over.

    Args:
        text: the exposition.
        wanted: names of samples.
    """
    found: dict[str, list[Sample]] = {name: [] for name in wanted}
    count = 0
    for line in text.split("\n"):
        if not line or line[0] == "#" or len(line) > _MOST_LINE:
            continue
        brace = line.find("{")
        name = line[:brace] if brace >= 0 else line.partition(" ")[0]
        samples = found.get(name)
        if samples is None:
            continue
        sample = _sample(line, brace)
        if sample is not None:
            samples.append(sample)
            count += 1
            if count >= MOST_SAMPLES:
                break
    return found


def _sample(line: str, brace: int) -> Sample | None:
    labels: dict[str, str] = {}
    if brace >= 0:
        end = line.rfind("}")
        labels = {k: _unescape(v) for k, v in _LABEL.findall(line, brace + 1, max(end, brace + 1))}
        rest = line[end + 1 :]
    else:
        rest = line.partition(" ")[2]
    words = rest.split()
    try:
        return Sample(labels, float(words[0]))
    except (IndexError, ValueError):
        return None


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: {"n": "\n"}.get(m[1], m[1]), text)
