"""Label sets as objects that are the same when they are equal, and what is worked out of them remembered.

A query over ten thousand series drops names, groups and pairs by labels at every operator: comparing identities instead of
tuples of strings is what keeps that cheap.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import Labels

NAME = "__name__"
METADATA = frozenset({NAME, "__type__", "__unit__"})
"""Labels that say what a metric is, not which; gone wherever a name goes."""

_MOST_LISTED = 1 << 18
"""Label sets of remembered lists, 16 bytes each."""


class LabelCache:
    """Equal label sets become one object, kept as long as the cache.

    Every set that goes in by `own` or comes out of any method is *owned*: two owned sets are equal only if they are the same
    object. Owned sets of different caches must not meet, so a query keeps the one it began with.
    """

    def __init__(self) -> None:
        self._owned: dict[Labels, Labels] = {}
        self._seen: dict[int, Labels] = {}
        self._kept: dict[int, Labels] = {}
        """What `_seen` and the others know by its identity."""
        self._nameless: dict[int, Labels] = {}
        self._sort_keys: dict[int, str] = {}
        self._projected: dict[tuple[frozenset[str], bool], dict[int, Labels]] = {}
        self._with: dict[tuple[int, str, str], Labels] = {}
        self._remembered = 0
        self.letters = 0
        """Of the values that `with_label` set."""
        self._lists: dict[tuple[str, bytes], tuple[list[Labels], bool]] = {}
        """What came of whole lists, by the identities in them; none of those can be another's, as `_kept` has them all."""
        self._listed = 0

    @property
    def size(self) -> int:
        """How many things are remembered."""
        return len(self._seen) + len(self._owned) + len(self._nameless) + len(self._with) + self._remembered

    def own(self, labels: Labels) -> Labels:
        """The one object for this set. The caller's object is kept alive, so that its identity stays its own."""
        known = self._seen.get(id(labels))
        if known is not None:
            return known
        owned = self._owned.setdefault(labels, labels)
        self._kept[id(labels)] = labels
        self._seen[id(labels)] = owned
        return owned

    def own_all(self, rows: Sequence[Labels]) -> list[Labels]:
        """`own` of each; the list is not the caller's to change."""
        return self._listwise("own", rows, lambda: _looked_up(self._seen, rows, self.own))[0]

    def made(self, pairs: Iterable[tuple[str, str]]) -> Labels:
        """The owned set of these pairs, sorted, without empty values."""
        labels = tuple(sorted(pair for pair in pairs if pair[1]))
        owned = self._owned.setdefault(labels, labels)
        if owned is labels:
            self._kept[id(owned)] = self._seen[id(owned)] = owned
        return owned

    def nameless(self, owned: Labels) -> Labels:
        """The set without name, type and unit."""
        found = self._nameless.get(id(owned))
        if found is None:
            found = self.made(pair for pair in owned if pair[0] not in METADATA)
            self._nameless[id(owned)] = found
        return found

    def nameless_all(self, rows: Sequence[Labels]) -> list[Labels]:
        """`nameless` of each; the list is not the caller's to change."""
        return self.nameless_distinct(rows)[0]

    def nameless_distinct(self, rows: Sequence[Labels]) -> tuple[list[Labels], bool]:
        """`nameless_all`, and whether none of them is there twice."""
        return self._listwise("nameless", rows, lambda: _looked_up(self._nameless, rows, self.nameless))

    def projected(self, rows: Sequence[Labels], names: Iterable[str], *, keep: bool) -> list[Labels]:
        """What a `projector` gives of each."""
        project = self.projector(names, keep=keep)
        return _looked_up(self._projected[frozenset(names), keep], rows, project)

    def projector(self, names: Iterable[str], *, keep: bool) -> Callable[[Labels], Labels]:
        """A function that keeps only these labels of an owned set, or drops them."""
        chosen = frozenset(names)
        memory = self._projected.setdefault((chosen, keep), {})

        def project(owned: Labels) -> Labels:
            found = memory.get(id(owned))
            if found is None:
                found = self.made(pair for pair in owned if (pair[0] in chosen) == keep)
                memory[id(owned)] = found
                self._remembered += 1
            return found

        return project

    def with_label(self, owned: Labels, name: str, value: str) -> Labels:
        """The set with one label set, or taken away when the value is empty."""
        key = (id(owned), name, value)
        found = self._with.get(key)
        if found is None:
            self.letters += len(value)
            found = self._with[key] = self.made([*(pair for pair in owned if pair[0] != name), (name, value)])
        return found

    def sorted_rows(self, rows: Sequence[Labels]) -> list[int]:
        """The places of owned sets in the order of their labels."""
        keys = self._sort_keys
        texts: list[str] = []
        for labels in rows:
            text = keys.get(id(labels))
            if text is None:
                text = keys[id(labels)] = "\0".join(part for pair in labels for part in pair)
            texts.append(text)
        return sorted(range(len(rows)), key=texts.__getitem__)

    def in_order(self, rows: Sequence[Labels]) -> tuple[list[Labels], NDArray[np.int64] | None]:
        """Owned sets, each there once, in the order of their labels, and where each was; None where they were so already."""
        ordered, _ = self._listwise("ordered", rows, lambda: [rows[place] for place in self.sorted_rows(rows)])
        was = dict(zip(map(id, rows), range(len(rows)), strict=True))
        places = np.fromiter(map(was.__getitem__, map(id, ordered)), np.int64, len(ordered))
        return ordered, None if (places[1:] > places[:-1]).all() else places

    def _listwise(
        self, what: str, rows: Sequence[Labels], make: Callable[[], list[Labels]]
    ) -> tuple[list[Labels], bool]:
        """What came of the same list before; queries ask for the same series again and again."""
        key = what, array("Q", map(id, rows)).tobytes()
        found = self._lists.get(key)
        if found is None:
            made = make()
            found = made, distinct(made)
            if self._listed + len(made) > _MOST_LISTED:
                self._lists, self._listed = {}, 0
            if len(made) <= _MOST_LISTED:
                self._lists[key] = found
                self._listed += len(made)
        return found


def numbered(rows: Sequence[Labels]) -> tuple[list[int], list[Labels]]:
    """Owned sets by number, in the order in which they first come: the number of each, and the sets."""
    known = dict(zip(map(id, rows), rows, strict=True))
    number = dict(zip(known, range(len(known)), strict=True))
    return list(map(number.__getitem__, map(id, rows))), list(known.values())


def distinct(rows: Sequence[Labels]) -> bool:
    """Whether no owned set is there twice."""
    return len(set(map(id, rows))) == len(rows)


def _looked_up(known: dict[int, Labels], rows: Sequence[Labels], find: Callable[[Labels], Labels]) -> list[Labels]:
    try:
        return list(map(known.__getitem__, map(id, rows)))
    except KeyError:
        return [find(labels) for labels in rows]


def value_of(labels: Labels, name: str) -> str:
    """A label's value, empty where there is none."""
    for key, value in labels:
        if key == name:
            return value
    return ""


def described(labels: Labels) -> str:
    """The set as Prometheus prints it in its messages: `{a="b", c="d"}`."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
