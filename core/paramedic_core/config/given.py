"""Values from outside the files: environment variables, `--set`, flags; each becomes a tree as a file would give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from paramedic_core.config.mistakes import Finding, Mistake, Place, nearest
from paramedic_core.config.schema import Path, leaves
from paramedic_core.config.text import Node, Parsed, parse, scalar

PREFIX = "PARAMEDIC_"
NOT_SETTINGS = ("PARAMEDIC_CONFIG", "PARAMEDIC_DEBUG", "PARAMEDIC_FAULTS", "PARAMEDIC_LOGIN_LINK", "PARAMEDIC_TOKEN")
"""Variables with a meaning of their own: configuration files, the command line's traces, fault points in tests, the image's login link, its token."""
_KUBERNETES = re.compile(r"PARAMEDIC_(SERVICE_(HOST|PORT).*|PORT(_\d+_(TCP|UDP).*)?)")
"""What Kubernetes puts in every pod beside a Service named paramedic
(https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables)."""
_MOST_VALUE = 1 << 16


def from_environment(environ: Mapping[str, str]) -> tuple[list[Parsed], list[Finding]]:
    """`PARAMEDIC_SECTION__FIELD`, one tree a variable."""
    known = {
        f"{PREFIX}{'__'.join(path).upper()}{tail}": (*path[:-1], path[-1] + tail.lower())
        for path, leaf in leaves().items()
        for tail in (("", "_FILE") if leaf.secret else ("",))
    }
    trees, findings = [], []
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or _KUBERNETES.fullmatch(name):
            continue
        place, path = Place(f"environment {name[:80]}"), known.get(name)
        if path is None:
            path = _entry_of_mapping(name)
        if path is not None:
            trees.append(_tree(path, value, place))
        elif "__" in name:
            trees.append(Parsed(mistakes=[Mistake(place, "", "names no setting", nearest=_near(name, known))]))
        else:
            # Others may use the prefix for their own ends, so a name without a section is only pointed out.
            near = _near(name, known)
            findings.append(Finding(place, "", "names no setting" + (f": did you mean {near}?" if near else "")))
    return trees, findings


def from_sets(sets: Iterable[str]) -> list[Parsed]:
    """`section.field=value`, as given with `--set`."""
    trees = []
    for text in sets:
        dotted, equals, value = text.partition("=")
        place = Place(f"--set {dotted.strip()[:80]}")
        if not equals:
            trees.append(Parsed(mistakes=[Mistake(place, "", "write it as --set section.field=value")]))
            continue
        trees.append(_tree(split(dotted.strip()), value.strip(), place))
    return trees


def from_flags(flags: Mapping[str, str]) -> list[Parsed]:
    """Dotted setting → value, for flags such as `--data`."""
    return [_tree(split(dotted), value, Place(f"flag for {dotted}")) for dotted, value in flags.items()]


def split(dotted: str) -> Path:
    """A dotted name in parts; below a mapping the rest is one key, whatever dots it has."""
    parts = tuple(dotted.split("."))
    for path, leaf in leaves().items():
        if leaf.shape == "mapping" and parts[: len(path)] == path and len(parts) > len(path):
            return (*path, ".".join(parts[len(path) :]))
    return parts


def _entry_of_mapping(name: str) -> Path | None:
    for path, leaf in leaves().items():
        start = f"{PREFIX}{'__'.join(path).upper()}__"
        if leaf.shape == "mapping" and name.startswith(start) and len(name) > len(start):
            return (*path, name.removeprefix(start).lower())
    return None


def _tree(path: Path, text: str, place: Place) -> Parsed:
    """A tree with one value in it."""
    if len(text) > _MOST_VALUE:
        return Parsed(mistakes=[Mistake(place, "", f"longer than {_MOST_VALUE} characters")])
    if len(path) > 8:
        return Parsed(mistakes=[Mistake(place, "", "there is no such setting")])
    node = _value(path, text, place)
    if isinstance(node, Mistake):
        return Parsed(mistakes=[node])
    return Parsed(nested(path, node))


def nested(path: Path, node: Node) -> Node:
    """A tree with nothing in it but `node`, at `path`."""
    for part in reversed(path):
        node = Node(node.place, {part: node}, node.place)
    return node


def _value(path: Path, text: str, place: Place) -> Node | Mistake:
    leaf = leaves().get(path)
    if leaf is None or leaf.shape == "value":
        # A text stays a text: a secret of digits is no number, and `off` is a word.
        return Node(place, text if leaf is not None else scalar(text), place)
    if text.strip()[:1] in ("[", "{"):
        parsed = parse(text, place.source)
        if parsed.mistakes or parsed.root is None:
            return Mistake(place, ".".join(path), parsed.mistakes[0].what if parsed.mistakes else "is empty")
        return _moved(parsed.root, place)
    return Node(place, text, place)


def _moved(node: Node, place: Place) -> Node:
    """The same tree, all of it at one place: columns within an environment variable help nobody."""
    if isinstance(node.value, dict):
        return Node(place, {k: _moved(v, place) for k, v in node.value.items()}, place)
    if isinstance(node.value, list):
        return Node(place, [_moved(v, place) for v in node.value], place)
    return Node(place, node.value, place)


def _near(name: str, known: Iterable[str]) -> str:
    return nearest(name.lower(), [k.lower() for k in known]).upper()
