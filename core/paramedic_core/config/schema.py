"""The settings' dataclasses as pydantic models: one look finds every mistake of a tree.

The dataclasses stay the only definition; models are made from them when this module is first used.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError, create_model

from paramedic_core.config.mistakes import Mistake, Place, nearest
from paramedic_core.config.readers import Reader, is_record, item_hints, reader, unwrap
from paramedic_core.config.text import Node
from paramedic_core.config.units import Wrong
from paramedic_core.settings import Secret, Settings

Path = tuple[str, ...]
_MOST_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting, as it can be given."""

    path: Path
    hint: Any
    default: Any

    @property
    def dotted(self) -> str:
        return ".".join(self.path)

    @property
    def secret(self) -> bool:
        return unwrap(self.hint)[0] is Secret

    @property
    def shape(self) -> str:
        """`value`, `list` or `mapping`."""
        items = item_hints(self.hint)
        return items[0] if items else "value"


@functools.cache
def leaves(root: type = Settings) -> Mapping[Path, Leaf]:
    """Every setting, by path, in the order of definition."""
    return {leaf.path: leaf for leaf in _leaves(root, ())}


def _leaves(kind: type, above: Path) -> Iterator[Leaf]:
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        path, hint, factory = (*above, field.name), hints[field.name], field.default_factory
        if dataclasses.is_dataclass(unwrap(hint)[0]) and _is_section(unwrap(hint)[0]):
            yield from _leaves(unwrap(hint)[0], path)
        else:
            yield Leaf(path, hint, field.default if factory is dataclasses.MISSING else factory())


def _is_section(kind: type) -> bool:
    return kind.__name__.endswith("Settings")


def check(root: Node, kind: type = Settings) -> tuple[dict[Path, tuple[Any, Place]], list[Mistake]]:
    """Read one tree against the settings.

    Returns:
        what it sets, by path (an entry of a mapping has a path of its own), each with its place; and every mistake.
    """
    try:
        model = _model(kind).model_validate(_plain(root))
    except ValidationError as error:
        details = error.errors(include_url=False)
        return {}, [_mistake(kind, root, detail) for detail in details]
    return dict(_given(model, root, ())), []


_KINDS: dict[type[BaseModel], type] = {}
"""Model → the dataclass that it was made from."""


@functools.cache
def _model(kind: type) -> type[BaseModel]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        inner, _ = unwrap(hints[field.name])
        if dataclasses.is_dataclass(inner) and _is_section(typing.cast(type, inner)):
            section = _model(typing.cast(type, inner))
            # A section with nothing below it is empty, not wrong.
            shape: Any = Annotated[section, BeforeValidator(lambda value: {} if value is None else value)]
        else:
            shape = _shape(hints[field.name])
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        fields[field.name] = (shape, ... if needed else None)
    config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model(kind.__name__, __config__=config, **fields)
    _KINDS[model] = kind
    return model


def _shape(hint: Any) -> Any:
    items = item_hints(hint)
    if items is None:
        return Annotated[Any, PlainValidator(_no_null(reader(hint)))]
    shape, inner = items
    if is_record(inner):
        entry: Any = _model(inner)
        return Annotated[tuple[entry, ...], BeforeValidator(_split_list)]
    one = Annotated[Any, PlainValidator(_no_null(reader(inner)))]
    if shape == "list":
        return Annotated[tuple[one, ...], BeforeValidator(_split_list)]
    return Annotated[dict[str, one], BeforeValidator(_split_mapping)]


def _no_null(read: Reader) -> Reader:
    def checked(value: object) -> Any:
        if value is None:
            raise Wrong("has no value: give one, or leave the line out")
        if isinstance(value, (list, dict)):
            raise Wrong(f"one value was expected, not a {'list' if isinstance(value, list) else 'mapping'}")
        return read(value)

    return checked


def _split_list(value: object) -> object:
    """`a, b` from an environment variable or flag is a list too."""
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(value, list) and len(value) > _MOST_ITEMS:
        raise Wrong(f"more than {_MOST_ITEMS} entries")
    return value


def _split_mapping(value: object) -> object:
    """`a=x, b=y` from an environment variable or flag is a mapping too."""
    if value is None:
        return {}
    if isinstance(value, str):
        pairs = [item.partition("=") for item in value.split(",") if item.strip()]
        if not all(equals and key.strip() for key, equals, _ in pairs):
            raise Wrong("write NAME=VALUE, several with commas between them")
        value = {key.strip(): item.strip() for key, _, item in pairs}
    if isinstance(value, dict) and len(value) > _MOST_ITEMS:
        raise Wrong(f"more than {_MOST_ITEMS} entries")
    return value


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child) for child in node.value]
    return node.value


def _given(model: BaseModel, node: Node, above: Path) -> Iterator[tuple[Path, tuple[Any, Place]]]:
    for name in model.model_fields_set:
        value, child, path = getattr(model, name), node.value[name], (*above, name)
        if isinstance(value, BaseModel):
            yield from _given(value, child, path)
        elif isinstance(value, dict):
            for key, item in value.items():
                inner = child.value.get(key, child) if isinstance(child.value, dict) else child
                yield (*path, key), (item, inner.place)
        elif isinstance(value, tuple):
            yield path, (tuple(_record(item) for item in value), child.place)
        else:
            yield path, (value, child.place)


def _record(item: Any) -> Any:
    """An entry of a list, as the dataclass that it stands for."""
    if not isinstance(item, BaseModel):
        return item
    return _KINDS[type(item)](**{name: getattr(item, name) for name in item.model_fields_set})


def _mistake(kind: type, root: Node, detail: Any) -> Mistake:
    loc: Path = tuple(str(part) for part in detail["loc"])
    node = _find(root, loc)
    path = re.sub(r"\.(\d+)\b", r"[\1]", ".".join(part[:60] for part in loc))
    if detail["type"] == "extra_forbidden":
        return _unknown(kind, node, loc, path)
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, Wrong):
        near = nearest(error.given, error.allowed) if error.given else ""
        return Mistake(node.place, path, str(error), error.allowed, near)
    what = {
        "model_type": "a section was expected: settings indented below it, each as NAME: VALUE",
        "tuple_type": "a list was expected",
        "dict_type": "a mapping was expected: NAME: VALUE, one a line",
        "missing": "is missing: every entry needs it",
    }.get(detail["type"], str(detail["msg"]))
    return Mistake(node.place, path, what)


def _unknown(kind: type, node: Node, loc: Path, path: str) -> Mistake:
    known = leaves(kind)
    above = next((known[loc[:n]] for n in range(1, len(loc)) if loc[:n] in known), None)
    if above is not None and (items := item_hints(above.hint)) is not None and is_record(items[1]):
        names = tuple(field.name for field in dataclasses.fields(items[1]))
        return Mistake(node.named_at, path, "there is no such setting in an entry", names, nearest(loc[-1], names))
    here = [p[: len(loc)][-1] for p in known if p[: len(loc) - 1] == loc[:-1] and len(p) >= len(loc)]
    elsewhere = [".".join(p) for p in known if p[-1] == loc[-1]]
    allowed = tuple(dict.fromkeys(here))
    near = nearest(loc[-1], allowed)
    if not near and elsewhere:
        return Mistake(node.named_at, path, f"there is no such setting here, but there is {' and '.join(elsewhere)}")
    return Mistake(node.named_at, path, "there is no such setting", allowed, near)


def _find(root: Node, loc: Path) -> Node:
    """The deepest node on the way to `loc`: a value that came as one text has no nodes for its parts."""
    node = root
    for part in loc:
        if isinstance(node.value, dict) and part in node.value:
            node = node.value[part]
        elif isinstance(node.value, list) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
        else:
            break
    return node
