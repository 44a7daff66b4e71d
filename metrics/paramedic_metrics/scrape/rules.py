"""Relabelling rules as they are written in a file."""

from __future__ import annotations

from typing import Any

from paramedic_core.errors import BadInput
from paramedic_metrics.scrape.fields import Section
from paramedic_metrics.scrape.relabel import ACTIONS, Rule, rule

_MOST_RULES = 500


def rules(section: Section, name: str) -> tuple[Rule, ...]:
    """The rules below `name`; mistakes go to the section."""
    inner = section.sections(name)
    if len(inner) > _MOST_RULES:
        section.wrong(section.at(name), name, f"more than {_MOST_RULES} rules")
        return ()
    return tuple(found for one in inner if (found := _rule(one)) is not None)


def _rule(section: Section) -> Rule | None:
    before = len(section.mistakes)
    given: dict[str, Any] = {"action": section.word("action", "replace", ACTIONS, fold=True)}
    sources = section.texts("source_labels")
    for text, node in sources:
        if not text:
            section.wrong(node, "source_labels", "a label's name was expected")
    given["source_labels"] = tuple(text for text, _ in sources)
    for name in ("separator", "regex", "replacement", "target_label"):
        if section.at(name) is not None:
            given[name] = section.text(name)
    given["modulus"] = section.count("modulus")
    section.rest()
    if len(section.mistakes) > before:
        return None
    try:
        return rule(**given)
    except BadInput as error:
        section.wrong(section.at("regex") if "regular expression" in str(error) else None, "", str(error))
        return None
