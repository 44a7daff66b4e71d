"""Which series of two vectors meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paramedic_metrics.promql.ast import Matching
from paramedic_metrics.promql.labels import METADATA
from paramedic_metrics.promql.labels import numbered as by_number
from paramedic_metrics.promql.run import Run
from paramedic_metrics.promql.values import Bools, Floats, Rows, Vector, mask_of
from paramedic_metrics.series import Labels

_NUMBERS = 8
"""What a pair takes at least, in numbers of 8 bytes."""


@dataclass(slots=True)
class Pairs:
    """Pairs of rows of the 'many' and the 'one' side; -1 stands for a filled-in series."""

    many: Vector
    one: Vector
    many_rows: Rows
    one_rows: Rows
    keys: Rows
    """What each pair is matched on, numbered."""
    one_keys: Rows
    one_unique: bool
    many_unique: bool
    key_labels: list[Labels]
    fill_many: float | None
    fill_one: float | None
    masks: list[Bools | None]
    """For each pair of a filled-in series: at which steps nothing else matches. None where both are there."""

    @property
    def steps(self) -> int:
        return int(self.many.values.shape[1])

    def many_labels(self) -> list[Labels]:
        return self._labels(self.many, self.many_rows)

    def one_labels(self) -> list[Labels]:
        return self._labels(self.one, self.one_rows)

    def _labels(self, side: Vector, rows: Rows) -> list[Labels]:
        return [
            side.labels[row] if row >= 0 else self.key_labels[key]
            for row, key in zip(rows.tolist(), self.keys.tolist(), strict=True)
        ]

    def drop(self) -> Bools | None:
        """Whose names go at the end: as on the 'many' side."""
        if self.many.drop is None:
            return None
        marked = np.zeros(len(self.many_rows), dtype=np.bool_)
        real = self.many_rows >= 0
        marked[real] = self.many.drop[self.many_rows[real]]
        return marked

    def sides(self) -> tuple[Floats, Floats, Bools | None]:
        """The values of both sides, pair by pair, and where there are both."""
        many = _picked(self.many.values, self.many_rows, self.fill_many)
        one = _picked(self.one.values, self.one_rows, self.fill_one)
        mask = _both(_picked_mask(self.many, self.many_rows), _picked_mask(self.one, self.one_rows))
        special = [place for place, extra in enumerate(self.masks) if extra is not None]
        if special:
            mask = np.ones(many.shape, dtype=np.bool_) if mask is None else mask.copy()
            for place in special:
                extra = self.masks[place]
                assert extra is not None
                mask[place] &= extra
        return many, one, mask


def _picked(values: Floats, rows: Rows, fill: float | None) -> Floats:
    if len(rows) == len(values) and (rows == np.arange(len(values))).all():
        return values
    if (rows >= 0).all():
        picked: Floats = values.take(rows, axis=0)
        return picked
    out = np.full((len(rows), values.shape[1]), 0.0 if fill is None else fill)
    real = rows >= 0
    out[real] = values[rows[real]]
    return out


def _picked_mask(side: Vector, rows: Rows) -> Bools | None:
    if side.mask is None:
        return None
    out = np.ones((len(rows), side.values.shape[1]), dtype=np.bool_)
    real = rows >= 0
    out[real] = side.mask[rows[real]]
    return out


def _both(one: Bools | None, other: Bools | None) -> Bools | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def numbered(run: Run, matching: Matching, sides: tuple[Vector, Vector]) -> tuple[list[Rows], list[Labels]]:
    """For each side, the number of what each series is matched on; and the labels of each number."""
    names = set(matching.labels) if matching.on else METADATA | set(matching.labels)
    both = [owned for side in sides for owned in side.labels]
    found, labels = by_number(run.cache.projected(both, names, keep=matching.on))
    keys: Rows = np.array(found, dtype=np.intp)
    return np.split(keys, [len(sides[0].labels)]), labels


def paired(run: Run, matching: Matching, *, many: Vector, one: Vector) -> Pairs:
    """Every pair of a 'many' and a 'one' series with the same matching labels."""
    (many_keys, one_keys), labels = numbered(run, matching, (many, one))
    first = np.full(len(labels), -1, dtype=np.intp)
    first[one_keys[::-1]] = np.arange(len(one_keys), dtype=np.intp)[::-1]
    one_unique = len(np.unique(one_keys)) == len(one_keys)
    many_unique = len(np.unique(many_keys)) == len(many_keys)
    if one_unique:
        one_rows = first[many_keys]
        met = one_rows >= 0
        many_rows, one_rows = np.flatnonzero(met), one_rows[met]
    else:
        many_rows, one_rows = _joined(run, many_keys, one_keys, int(many.values.shape[1]))
    swapped = matching.card == "one-to-many"
    fill_many = matching.fill_right if swapped else matching.fill_left
    fill_one = matching.fill_left if swapped else matching.fill_right
    pairs = Pairs(
        many, one, many_rows, one_rows, many_keys[many_rows], one_keys, one_unique, many_unique, labels,
        fill_many, fill_one, [None] * len(many_rows),
    )  # fmt: skip
    if fill_many is not None or fill_one is not None:
        _fill(pairs, many_keys)
    return pairs


def _joined(run: Run, many_keys: Rows, one_keys: Rows, steps: int) -> tuple[Rows, Rows]:
    order = np.argsort(one_keys, kind="stable")
    ordered = one_keys[order]
    begins = np.searchsorted(ordered, many_keys, side="left")
    counts = np.searchsorted(ordered, many_keys, side="right") - begins
    # All of a thousand series with all of another are a million pairs, each of them some numbers even before its samples.
    run.room(int(counts.sum()) * max(steps, _NUMBERS))
    many_rows = np.repeat(np.arange(len(many_keys), dtype=np.intp), counts)
    within = np.arange(len(many_rows), dtype=np.intp) - np.repeat(np.cumsum(counts) - counts, counts)
    return many_rows, order[np.repeat(begins, counts) + within]


def _fill(pairs: Pairs, many_keys: Rows) -> None:
    """Add, for each series of a side, a partner with a fixed value for the steps at which it has none."""
    many_mask, one_mask = mask_of(pairs.many), mask_of(pairs.one)
    shape = (len(pairs.key_labels), pairs.steps)
    here = [np.zeros(shape, dtype=np.bool_) for _ in range(2)]
    for present, keys, mask in ((here[0], many_keys, many_mask), (here[1], pairs.one_keys, one_mask)):
        for row, key in enumerate(keys.tolist()):
            present[key] |= mask[row]
    extra: list[tuple[int, int, int, Bools]] = []
    if pairs.fill_one is not None:
        extra += [(row, -1, key, ~here[1][key]) for row, key in enumerate(many_keys.tolist())]
    if pairs.fill_many is not None:
        extra += [(-1, row, key, ~here[0][key]) for row, key in enumerate(pairs.one_keys.tolist())]
    pairs.many_rows = np.append(pairs.many_rows, np.array([each[0] for each in extra], dtype=np.intp))
    pairs.one_rows = np.append(pairs.one_rows, np.array([each[1] for each in extra], dtype=np.intp))
    pairs.keys = np.append(pairs.keys, np.array([each[2] for each in extra], dtype=np.intp))
    pairs.masks += [each[3] for each in extra]
