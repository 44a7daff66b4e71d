"""`NAME_file` twins: a secret setting may name a file that holds the value, as Docker's and Kubernetes' secrets do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from paramedic_core.config.mistakes import Mistake
from paramedic_core.config.readers import is_record, item_hints
from paramedic_core.config.schema import Leaf, Path, leaves
from paramedic_core.config.text import Node
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

_MOST = 1 << 16
_TAIL = "_file"
_UNREAD = "http://unread"
"""Stands for a value whose file could not be read; the configuration is refused anyway."""


def resolve(root: Node, known: Mapping[Path, Leaf]) -> list[Mistake]:
    """Put the content of the named files into the tree, in place of each `NAME_file`; returns what is wrong."""
    mistakes = []
    for path, leaf in known.items():
        section = _section(root, path[:-1])
        if section is None:
            continue
        if leaf.secret:
            mistakes += _replace(section, path[-1], leaf.dotted)
        elif isinstance(node := section.get(path[-1]), Node) and isinstance(node.value, list):
            for number, entry in enumerate(node.value):
                for name in _secrets(leaf) if isinstance(entry.value, dict) else ():
                    mistakes += _replace(entry.value, name, f"{leaf.dotted}[{number}].{name}")
    return mistakes


def _secrets(leaf: Leaf) -> list[str]:
    """The secret settings of a list's entries, where they have any."""
    items = item_hints(leaf.hint)
    if items is None or not is_record(items[1]):
        return []
    return [inner.path[-1] for inner in leaves(items[1]).values() if inner.secret]


def _replace(section: dict[str, Node], name: str, dotted: str) -> list[Mistake]:
    if name + _TAIL not in section:
        return []
    twin = section.pop(name + _TAIL)
    if name in section:
        return [Mistake(twin.named_at, dotted + _TAIL, f"{dotted} is given here too: keep one of the two")]
    content = _content(twin, dotted + _TAIL)
    if isinstance(content, Mistake):
        # What is wrong with the file is said once; that the value is missing would be said again.
        section[name] = Node(twin.place, _UNREAD, twin.key_place)
        return [content]
    section[name] = Node(twin.place, content, twin.key_place)
    return []


def _section(root: Node, path: Path) -> dict[str, Node] | None:
    node = root
    for part in path:
        if not isinstance(node.value, dict) or part not in node.value:
            return None
        node = node.value[part]
    return node.value if isinstance(node.value, dict) else None


def _content(twin: Node, dotted: str) -> str | Mistake:
    if not isinstance(twin.value, str) or not twin.value:
        return Mistake(twin.place, dotted, "the path of a file was expected")
    try:
        text = read_bounded(FilePath(twin.value), _MOST).decode()
    except BadInput:
        return Mistake(twin.place, dotted, f"{twin.value} is larger than 64 KiB: this is no secret")
    except OSError as error:
        return Mistake(twin.place, dotted, f"{twin.value} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return Mistake(twin.place, dotted, f"{twin.value} is not UTF-8")
    text = text.removesuffix("\n").removesuffix("\r")
    return text or Mistake(twin.place, dotted, f"{twin.value} is empty")
