"""Which series there are: labels to id and back, and for each label pair the series that have it. In memory.

A label pair is kept once, however many series have it; a series is the bytes of its pairs' numbers, which are also the
key that it is found by: about 350 bytes a series in all, at ten labels.
"""

from __future__ import annotations

import sys
import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import LimitExceeded, NotFound
from paramedic_metrics.series import Labels

Ids = NDArray[np.uint32]
NONE: Ids = np.empty(0, np.uint32)
MOST_IDS = 1 << 28
"""Ids are below this; what has a higher one is damaged. Some arrays have room for each id up to the highest, so that one from a
damaged file could ask for any memory. At 500,000 new series each fortnight these last for 20 years."""


_A_REFERENCE = 8
"""Bytes of a label of a series whose pair is there: in its key, and among the series that have the pair."""


def no_id(ids: Ids) -> str:
    """What is wrong with ids that a file has; empty when nothing is."""
    highest = int(ids.max(initial=0))
    return (
        f"it has a series of id {highest}, and no store gives one beyond {MOST_IDS - 1}" if highest >= MOST_IDS else ""
    )


@dataclass(slots=True)
class Name:
    """One label name: which series have which of its values."""

    values: dict[str, array[int]] = field(default_factory=dict)

    def ids(self, value: str) -> Ids:
        """Series with this value, ascending."""
        found = self.values.get(value)
        return np.array(found, np.uint32) if found is not None else NONE

    def columns(self) -> tuple[list[str], Ids, NDArray[np.int64]]:
        """All values; the series of each, one value after the other; and where each value's begin."""
        starts = np.cumsum([0, *(len(ids) for ids in self.values.values())])[:-1]
        return list(self.values), np.frombuffer(b"".join(self.values.values()), np.uint32), starts

    def union(self, values: Iterable[str]) -> Ids:
        """Series with any of these values, ascending."""
        parts = [self.values[value] for value in values]
        if not parts:
            return NONE
        ids: Ids = np.concatenate([np.array(part, np.uint32) for part in parts])
        ids.sort()
        return ids


@dataclass(slots=True)
class Fresh:
    """What was added in one call, to be written down before it counts."""

    ids: list[int] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)


class Index:
    """All series.

    Args:
        most: how many there may be.
        most_bytes: how many bytes their labels may take, in the measure of `bytes`; the last one may go beyond.
    """

    def __init__(self, most: int, most_bytes: int = 1 << 62) -> None:
        self.lock = threading.RLock()
        """Held to change it, and by who reads postings."""
        self.most, self.most_bytes = most, most_bytes
        self.bytes = 0
        """Of all label pairs, each counted once, and 8 for each that a series has."""
        self.names: dict[str, Name] = {}
        self.next = 0
        """The next id; ids are never used twice."""
        self._pairs: list[tuple[str, str]] = []
        self._pair_numbers: dict[tuple[str, str], int] = {}
        self._by_key: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}
        self._labels: dict[int, Labels] = {}
        self._all = array("I")

    def __len__(self) -> int:
        return len(self._keys)

    def unknown(self, ids: Ids) -> int:
        """The first of these ids that is none of a series; −1 when all are."""
        with self.lock:
            return next((n for n in ids.tolist() if n not in self._keys), -1)

    def __contains__(self, number: int) -> bool:
        return number in self._keys

    def find(self, labels: Labels) -> int | None:
        """The id of a series, if it is known."""
        key = self._key(labels)
        return None if key is None else self._by_key.get(key)

    def add(self, wanted: Sequence[Labels], fresh: Fresh) -> list[int]:
        """The ids of series; those that are new are added and put into `fresh`.

        Raises:
            LimitExceeded: there would be too many; those before stay added.
        """
        found = []
        with self.lock:
            for labels in wanted:
                number = self.find(labels)
                if number is None:
                    if len(self._keys) >= self.most:
                        raise LimitExceeded(
                            f"there are {self.most} series already (metrics.series): drop labels that take many values, "
                            "shorten metrics.retention, or raise the limit"
                        )
                    if self.bytes >= self.most_bytes:
                        raise LimitExceeded(
                            f"the labels of all series take {self.most_bytes} bytes already (metrics.label_bytes): drop labels "
                            "with long values, shorten metrics.retention, or raise the limit"
                        )
                    number = self.next
                    if number >= MOST_IDS:
                        raise LimitExceeded(
                            f"all {MOST_IDS} ids of series are used up: move the metrics' folder away, so that a new one begins"
                        )
                    self.put(number, labels)
                    fresh.ids.append(number)
                    fresh.labels.append(labels)
                found.append(number)
        return found

    def put(self, number: int, labels: Labels) -> None:
        """Add one series under an id that is higher than all before."""
        with self.lock:
            key = self._new_key(labels)
            self._by_key[key] = number
            self._keys[number] = key
            self._all.append(number)
            self.next = max(self.next, number + 1)
            self.bytes += _A_REFERENCE * len(labels)
            for name, value in labels:
                self._posting(name, value).append(number)

    def load(
        self, pairs: Sequence[tuple[str, str]], ids: Ids, counts: NDArray[np.int64], refs: NDArray[np.int64]
    ) -> None:
        """Add many series at once.

        Args:
            pairs: label pairs.
            ids: ascending, higher than all before.
            counts: how many pairs each series has.
            refs: the pairs' numbers in `pairs`, series by series.
        """
        with self.lock:
            numbers = np.array([self._number(pair) for pair in pairs], np.uint32)
            whole = numbers[refs]
            data = memoryview(whole.tobytes())
            ends = (4 * np.cumsum(counts)).tolist()
            starts = [0, *ends[:-1]]
            known = ids.tolist()
            keys = [bytes(data[start:end]) for start, end in zip(starts, ends, strict=True)]
            self._by_key.update(zip(keys, known, strict=True))
            self._keys.update(zip(known, keys, strict=True))
            self._all.extend(known)
            self.next = max(self.next, max(known, default=-1) + 1)
            self.bytes += _A_REFERENCE * len(refs)
            order = np.argsort(refs, kind="stable")
            holders = np.repeat(ids, counts)[order]
            edges = np.concatenate([[0], np.cumsum(np.bincount(refs, minlength=len(pairs)))]).tolist()
            for (name, value), start, end in zip(pairs, edges, edges[1:], strict=False):
                self._posting(name, value).frombytes(holders[start:end].tobytes())

    def labels(self, number: int) -> Labels:
        """A series' labels: the same object each time.

        Raises:
            NotFound: there is no such series any more.
        """
        found = self._labels.get(number)
        if found is None:
            with self.lock:
                if number not in self._keys:
                    raise NotFound(f"series {number} is not known any more")
                pairs = array("I", self._keys[number])
                found = self._labels.setdefault(number, tuple(self._pairs[p] for p in pairs))
        return found

    def labels_of(self, numbers: Sequence[int]) -> list[Labels]:
        """The labels of several series.

        Raises:
            NotFound: one of them is not there any more.
        """
        found = list(map(self._labels.get, numbers))
        if None not in found:
            return cast("list[Labels]", found)
        return [self.labels(number) for number in numbers]

    def all(self) -> Ids:
        """Every id, ascending."""
        with self.lock:
            return np.array(self._all, np.uint32)

    def without(self, alive: NDArray[np.bool_]) -> Index:
        """A copy that knows only the series that are marked, and the same objects for their labels.

        Args:
            alive: by id; ids beyond its end stay.
        """
        with self.lock:
            numbers, pairs, keys, labels = self._all[:], list(self._pairs), dict(self._keys), dict(self._labels)
            following = self.next
        fresh = Index(self.most, self.most_bytes)
        for number in numbers:
            if number >= len(alive) or alive[number]:
                one = labels.get(number) or tuple(pairs[p] for p in array("I", keys[number]))
                fresh.put(number, one)
                if number in labels:
                    fresh._labels[number] = one
        fresh.next = following
        return fresh

    def become(self, other: Index) -> bool:
        """Take over a copy that `without` made; the caller holds `lock`.

        Returns:
            False, and nothing is changed, when series were added since.
        """
        if other.next != self.next:
            return False
        self.names, self._pairs, self._pair_numbers = other.names, other._pairs, other._pair_numbers
        self._by_key, self._keys, self._all, self.bytes = other._by_key, other._keys, other._all, other.bytes
        self._labels = {number: one for number, one in self._labels.items() if number in self._keys} | other._labels
        return True

    def _key(self, labels: Labels) -> bytes | None:
        try:
            return array("I", [self._pair_numbers[pair] for pair in labels]).tobytes()
        except KeyError:
            return None

    def _new_key(self, labels: Labels) -> bytes:
        return array("I", [self._number(pair) for pair in labels]).tobytes()

    def _number(self, pair: tuple[str, str]) -> int:
        number = self._pair_numbers.get(pair)
        if number is None:
            number = self._pair_numbers[pair] = len(self._pairs)
            self._pairs.append(pair)
            self.bytes += len(pair[0]) + sys.getsizeof(pair[1])
        return number

    def _posting(self, name: str, value: str) -> array[int]:
        names = self.names.get(name)
        if names is None:
            names = self.names[name] = Name()
        posting = names.values.get(value)
        if posting is None:
            # The text that the pair has, so that it is kept once.
            posting = names.values[self._pairs[self._pair_numbers[name, value]][1]] = array("I")
        return posting
