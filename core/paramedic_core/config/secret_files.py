"""`NAME_file` twins: a secret setting may name a file that holds the value, as Docker's and Kubernetes' secrets do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from paramedic_core.config.mistakes import Mistake
from paramedic_core.config.schema import Leaf, Path
from paramedic_core.config.text import Node
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

_MOST = 1 << 16
_TAIL = "_file"


def resolve(root: Node, known: Mapping[Path, Leaf]) -> list[Mistake]:
    """Put the content of the named files into the tree, in place of each `NAME_file`; returns what is wrong."""
    mistakes = []
    for path, leaf in known.items():
        section = _section(root, path[:-1])
        if not leaf.secret or section is None or path[-1] + _TAIL not in section:
            continue
        twin = section.pop(path[-1] + _TAIL)
        dotted = leaf.dotted
        if path[-1] in section:
            mistakes.append(Mistake(twin.named_at, dotted + _TAIL, f"{dotted} is given here too: keep one of the two"))
            continue
        content = _content(twin, dotted + _TAIL)
        if isinstance(content, Mistake):
            mistakes.append(content)
        else:
            section[path[-1]] = Node(twin.place, content, twin.key_place)
    return mistakes


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
