"""A configuration as a person would write it, with the origin of each value; secrets hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from paramedic_core.config.load import Loaded
from paramedic_core.config.readers import is_record, item_hints, unwrap
from paramedic_core.config.schema import Leaf, leaves
from paramedic_core.config.units import duration_text, size_text, window_text
from paramedic_core.limits import Window

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, or one entry of a mapping."""

    path: tuple[str, ...]
    value: Any
    """As it would stand in a file."""
    origin: str

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


def shown(loaded: Loaded) -> list[Row]:
    """Every setting, in the order of definition."""
    rows = []
    for path, leaf in leaves().items():
        value: Any = loaded.settings
        for part in path:
            value = getattr(value, part)
        if isinstance(value, Mapping) and value:
            _, inner = item_hints(leaf.hint) or ("", None)
            for key, item in value.items():
                origin = loaded.origins.get(f"{leaf.dotted}.{key}", "default")
                rows.append(Row((*path, key), written(item, inner), origin))
        else:
            rows.append(Row(path, written_leaf(leaf, value), loaded.origins.get(leaf.dotted, "default")))
    return rows


def written_leaf(leaf: Leaf, value: Any) -> Any:
    """A setting's value as it would stand in a file."""
    if leaf.secret:
        return HIDDEN if value else ""
    if isinstance(value, Mapping):
        return dict(value)
    items = item_hints(leaf.hint)
    return [written(v, items[1]) for v in value] if items else written(value, leaf.hint)


def written(value: Any, hint: Any) -> Any:
    """One value as it would stand in a file."""
    kind, notes = unwrap(hint)
    if is_record(kind):
        return {
            leaf.path[-1]: written_leaf(leaf, item)
            for leaf in leaves(kind).values()
            if (item := getattr(value, leaf.path[-1])) != leaf.default
        }
    if "duration" in notes:
        return duration_text(value)
    if "size" in notes:
        return size_text(value)
    if "address" in notes:
        return value or "off"
    if isinstance(value, Window):
        return window_text(value)
    return str(value.value) if isinstance(value, Enum) else value
