"""The store from outside: what was appended is found, whatever happened in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramedic_core.errors import BadInput, LimitExceeded, NotFound
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import QueryCanceled
from paramedic_metrics.series import ABSENT, STALE, Matcher
from paramedic_metrics.storing import StoredColumn
from paramedic_metrics.wanted import watched
from support_tsdb import ALL, Rig, Samples, bits_of, labels


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "metrics")
    yield rig
    rig.store.stop()


def scrape(rig: Rig, count: int, step: float = 15.0, rows: int = 5) -> Samples:
    """Scrapes of one target; what must be found."""
    names = [labels(name=f"m{i}", job="node") for i in range(rows)]
    plan = rig.store.plan("scrape/node", rig.store.ids(names))
    expected: Samples = {}
    for number in range(count):
        rig.clock.advance(step)
        values = np.array([number * i / 10 for i in range(rows)])
        assert rig.store.append(plan, rig.now, values).stored == rows
        expected |= {(one, rig.now): bits_of(v) for one, v in zip(names, values.tolist(), strict=True)}
        rig.store.upkeep.turn()
    return expected


@pytest.mark.parametrize("count", [1, 59, 60, 61, 239, 240, 241, 700])
def test_what_was_appended_is_found(rig: Rig, count: int) -> None:
    expected = scrape(rig, count)
    assert rig.samples() == expected
    rig.crash()
    assert rig.samples() == expected
    rig.store.upkeep.seal_all()
    assert rig.samples() == expected
    rig.crash()
    assert rig.samples() == expected


def test_times_are_left_open_and_right_closed(rig: Rig) -> None:
    expected = scrape(rig, 300)
    moments = sorted({t for _, t in expected})
    for start, end in ((0, moments[0]), (moments[0], moments[1]), (moments[57], moments[250]), (moments[-1], 2**60)):
        wanted = {key: value for key, value in expected.items() if start < key[1] <= end}
        assert rig.samples(ALL, start, end) == wanted


def test_series_come_and_go(rig: Rig) -> None:
    a, b = labels(name="a"), labels(name="b")
    ids = rig.store.ids([a, b])
    first, both = rig.store.plan("g", ids[:1]), rig.store.plan("g", ids)
    expected: Samples = {}
    for number in range(200):
        rig.clock.advance(15)
        if number % 50 < 25:
            rig.store.append(first, rig.now, np.array([float(number)]))
        else:
            ended = number % 50 == 49
            rig.store.append(both, rig.now, np.array([float(number), STALE if ended else 1.0]))
            expected[b, rig.now] = bits_of(STALE if ended else 1.0)
        expected[a, rig.now] = bits_of(float(number))
        rig.store.upkeep.turn()
    assert rig.samples() == expected
    rig.store.upkeep.seal_all()
    rig.crash()
    assert rig.samples() == expected
    (frame,) = rig.store.select([Matcher("__name__", "=", "a")], 0, 2**60)
    assert frame.whole


def test_absent_cells_are_no_samples(rig: Rig) -> None:
    names = [labels(name="a"), labels(name="b")]
    plan = rig.store.plan("g", rig.store.ids(names))
    rig.store.append(plan, rig.now, np.array([1.0, ABSENT]))
    assert rig.samples() == {(names[0], rig.now): bits_of(1.0)}
    # The one that was not there may still come; the other has a sample already.
    again = rig.store.append(plan, rig.now, np.array([1.0, 2.0]))
    assert (again.stored, again.same) == (1, 1)
    assert len(rig.samples()) == 2


def test_labels_are_the_same_object_each_time(rig: Rig) -> None:
    scrape(rig, 3)
    (one,), (two,) = rig.store.select(ALL, 0, 2**60), rig.store.select(ALL, 0, 2**60)
    assert all(x is y for x, y in zip(one.labels, two.labels, strict=True))


def test_names_and_values(rig: Rig) -> None:
    scrape(rig, 3)
    middle = rig.now
    rig.store.upkeep.seal_all()
    rig.clock.advance(3600)
    ids = rig.store.ids([labels(name="late", zone="z1"), labels(name="late", zone="z2")])
    rig.store.write(ids, np.full(2, rig.now), np.ones(2))
    assert rig.store.label_names([], 0, 2**60) == ["__name__", "job", "zone"]
    assert rig.store.label_names([], 0, middle) == ["__name__", "job"]
    assert rig.store.label_names([Matcher("zone", "=", "z1")], 0, 2**60) == ["__name__", "zone"]
    assert rig.store.label_values("zone", [], 0, 2**60) == ["z1", "z2"]
    assert rig.store.label_values("zone", [Matcher("zone", "!=", "z1")], 0, 2**60) == ["z2"]
    assert rig.store.label_values("zone", [], 0, middle) == []
    assert rig.store.label_values("none", [], 0, 2**60) == []
    assert rig.store.series([Matcher("__name__", "=~", "m[01]|late")], middle, 2**60) == [
        labels(name="late", zone="z1"),
        labels(name="late", zone="z2"),
    ]


def test_names_and_values_while_series_come_in(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = scrape(rig, 3)
    real = rig.store._marks

    def marks(*ids: Any) -> Any:
        found = real(*ids)
        rig.store.ids([labels(name=f"new{rig.store.index.next}", job="node")])
        return found

    monkeypatch.setattr(rig.store, "_marks", marks)
    assert rig.store.label_names([], 0, 2**60) == ["__name__", "job"]
    assert rig.store.label_values("__name__", [], 0, 2**60) == [f"m{i}" for i in range(5)]
    assert rig.store.series([], 0, 2**60) == sorted({one for one, _ in expected})


def test_series_while_some_are_cleared_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    scrape(rig, 3)
    real = rig.store._living

    def living(*asked: Any) -> Any:
        found = real(*asked)
        rig.store.index.become(rig.store.index.without(np.arange(5) < 3))
        return found

    monkeypatch.setattr(rig.store, "_living", living)
    assert rig.store.series([], 0, 2**60) == [labels(name=f"m{i}", job="node") for i in range(3)]


class GoneSoon(threading.Event):
    """Set from the thirteenth look on: a selector alone has four."""

    looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks > 12


def test_what_nobody_wants_any_more_is_matched_no_further(rig: Rig) -> None:
    rig.store.ids([labels(name="m", i=str(i)) for i in range(3000)])
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise QueryCanceled("gone")

    with watched(check), pytest.raises(QueryCanceled):
        rig.store.series([Matcher("i", "=~", "1.*")], 0, 2**60)
    assert len(looks) == 3
    with pytest.raises(QueryCanceled):
        Engine(rig.store).instant('m{i=~"1.*"}', 0, canceled=GoneSoon())


def test_too_many_series_are_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, series=1000)
    many = [labels(name="m", i=str(i)) for i in range(1001)]
    with pytest.raises(LimitExceeded, match=r"metrics\.series"):
        rig.store.ids(many)
    assert len(rig.store.ids(many[:1000])) == 1000
    assert "paramedic_tsdb_refused_series_total 1\n" in rig.store.metrics()
    rig.store.stop()


def test_too_long_labels_are_refused_however_few_series_have_them(tmp_path: Path) -> None:
    rig = Rig(tmp_path, label_bytes=1 << 20)
    many = [labels(name="m", i=f"{i}{'x' * 60_000}") for i in range(30)]
    with pytest.raises(
        LimitExceeded, match=r"take 1048576 bytes already \(metrics\.label_bytes\): drop labels with long"
    ):
        rig.store.ids(many)
    count, held = len(rig.store.index), rig.store.index.bytes
    assert count == 18
    assert 1 << 20 <= held < (1 << 20) + 61_000
    assert f"paramedic_tsdb_label_bytes {held}\n" in rig.store.metrics()
    assert len(rig.store.ids(many[:count])) == count, "those that there are go on"
    # The same after a start, from records of many series; and what is forgotten makes room.
    rig.crash()
    assert rig.store.index.bytes == held
    with rig.store.index.lock:
        rig.store.index.become(rig.store.index.without(np.arange(count) < 3))
    assert rig.store.index.bytes < held / 5
    assert len(rig.store.ids(many[count : count + 5])) == 5
    rig.store.stop()


def test_a_plan_is_checked(rig: Rig) -> None:
    ids = rig.store.ids([labels(name="a")])
    with pytest.raises(BadInput, match="twice"):
        rig.store.plan("g", np.concatenate([ids, ids]))
    with pytest.raises(NotFound):
        rig.store.plan("g", np.array([77], np.uint32))


def test_a_bad_expression_is_named(rig: Rig) -> None:
    with pytest.raises(BadInput, match=r"\(x"):
        rig.store.select([Matcher("a", "=~", "(x")], 0, 1)


def test_series_that_come_and_go_take_no_more_and_more_rows(rig: Rig) -> None:
    steady = [labels(name="steady", i=str(i)) for i in range(5)]
    back = labels(name="back")
    expected: Samples = {}
    most = 0
    for number in range(600):
        rig.clock.advance(15)
        passing = [labels(name="passing", i=str(number // 4), of=str(i)) for i in range(10)]
        names = [*steady, *passing, *([back] if number in (3, 400) else [])]
        plan = rig.store.plan("scrape/busy", rig.store.ids(names))
        values = np.arange(len(names)) + number / 10
        assert rig.store.append(plan, rig.now, values).stored == len(names)
        expected |= {(one, rig.now): bits_of(v) for one, v in zip(names, values.tolist(), strict=True)}
        rig.store.upkeep.turn()
        most = max(most, rig.store.head.groups["scrape/busy"].count)
    assert most < 900, "600 scrapes brought 1506 series"
    assert rig.samples() == expected
    rig.crash()
    assert rig.samples() == expected
    rig.store.upkeep.seal_all()
    assert rig.samples() == expected


def test_a_target_goes_on_when_one_of_its_series_has_been_forgotten(rig: Rig) -> None:
    column = StoredColumn(rig.store, "scrape/x")
    rows = [column.row(labels(name="a")), column.row(labels(name="b"))]
    column.append(rig.now, rows, [1.0, 2.0])
    rig.store.index.become(rig.store.index.without(np.array([True, False])))
    rig.store.head.groups["scrape/x"].generation += 1
    rig.clock.advance(15)
    column.append(rig.now, rows, [1.5, 2.5])
    found = rig.samples()
    assert found[labels(name="a"), rig.now] == bits_of(1.5)
    assert found[labels(name="b"), rig.now] == bits_of(2.5)


def test_a_column_forgets_what_it_is_told_to_and_takes_it_again(rig: Rig) -> None:
    column = StoredColumn(rig.store, "scrape/x")
    rows = [column.row(labels(name=name)) for name in "abc"]
    column.append(rig.now, rows, [1.0, 2.0, 3.0])
    column.forget({rows[0]})
    assert (len(column._labels), len(column._ids), len(column._rows)) == (1, 1, 1)
    assert column.row(labels(name="a")) == rows[0]
    again = column.row(labels(name="c"))
    assert again not in rows
    rig.clock.advance(15)
    column.append(rig.now, [rows[0], again], [1.5, 3.5])
    rig.clock.advance(15)
    column.append(rig.now, [rows[0]], [1.75])
    found = rig.samples()
    assert len(found) == 6
    assert found[labels(name="c"), rig.now - 15_000] == bits_of(3.5)
    assert found[labels(name="a"), rig.now] == bits_of(1.75)


def test_a_target_whose_series_come_and_go_takes_no_more_memory_with_each(rig: Rig) -> None:
    column = StoredColumn(rig.store, "scrape/x")
    steady = [column.row(labels(name="steady", i=str(i))) for i in range(5)]
    for number in range(50):
        rig.clock.advance(15)
        rows = [*steady, *(column.row(labels(name="gone", i=f"{number}/{i}")) for i in range(100))]
        column.append(rig.now, rows, [float(number)] * 105)
        if len(column._labels) > 300:
            column.forget(set(rows))
        assert len(column._labels) <= 405
    assert len(rig.samples()) == 50 * 105


def test_the_place_of_a_series_is_none_in_the_store_yet(rig: Rig) -> None:
    column = StoredColumn(rig.store, "scrape/x")
    rows = [column.row(labels(name=name)) for name in "abc"]
    assert len(rig.store.index) == 0
    column.make(rows[:1])
    assert len(rig.store.index) == 1
    column.append(rig.now, rows[:2], [1.0, 2.0])
    assert len(rig.store.index) == 2


def test_series_that_were_cleared_away_stay_away_when_a_target_goes_on(rig: Rig) -> None:
    column = StoredColumn(rig.store, "scrape/x")
    for number in range(30):
        rig.clock.advance(15)
        column.append(rig.now, [column.row(labels(name="m", i=f"{number}/{i}")) for i in range(50)], [1.0] * 50)
    alive = np.zeros(rig.store.index.next, np.bool_)
    alive[-10:] = True
    with rig.store.index.lock:
        rig.store.index.become(rig.store.index.without(alive))
    rig.clock.advance(15)
    living = [column.row(labels(name="m", i=f"29/{i}")) for i in range(38, 50)]
    column.append(rig.now, [*living, column.row(labels(name="new"))], [2.0] * 13)
    # Ten that were left, two that had been cleared away and came back, one that is new.
    assert len(rig.store.index) == 13
