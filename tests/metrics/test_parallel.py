"""Pieces of a query on two threads: all of them, in order, once; what fails ends it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from paramedic_metrics import parallel
from paramedic_metrics.parallel import WORTH


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_both_threads_work_and_results_are_in_order() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def work(number: int) -> tuple[int, int]:
        if number < 2:
            meeting.wait()
        return number, threading.get_ident()

    with parallel.query():
        found = parallel.each(work, 50, WORTH)
    assert [number for number, _ in found] == list(range(50))
    assert len({thread for _, thread in found}) == 2


def test_a_query_beside_another_has_one_thread() -> None:
    with parallel.query(), parallel.query():
        assert set(parallel.each(lambda _: threading.get_ident(), 50, WORTH)) == {threading.get_ident()}


def test_a_small_one_is_not_worth_a_second_thread() -> None:
    with parallel.query():
        assert set(parallel.each(lambda _: threading.get_ident(), 50, WORTH - 1)) == {threading.get_ident()}


def test_what_fails_is_raised_and_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError("three")

    with parallel.query(), pytest.raises(ValueError, match="three"):
        parallel.each(work, 10_000, WORTH)
    assert len(begun) < 10_000


def test_numbers_are_no_errors_on_either_thread() -> None:
    with np.errstate(all="raise"), parallel.query(), pytest.raises(FloatingPointError):
        parallel.each(lambda _: np.ones(1) / np.zeros(1), 4, WORTH)
    meeting = threading.Barrier(2, timeout=10)

    def divided(_: int) -> float:
        meeting.wait()
        return float((np.ones(1) / np.zeros(1))[0])

    with np.errstate(all="ignore"), parallel.query():
        assert parallel.each(divided, 2, WORTH) == [float("inf")] * 2


def test_nothing_to_do() -> None:
    assert parallel.each(lambda number: number, 0, WORTH) == []


def test_the_next_is_made_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(5)]

    def work(number: int) -> tuple[int, int]:
        made[number].set()
        return number, threading.get_ident()

    found = []
    for number, thread in parallel.ahead(work, 5):
        assert made[min(number + 1 - number % 2, 4)].wait(10)
        found.append((number, thread))
    assert [number for number, _ in found] == list(range(5))
    assert {thread for number, thread in found if number % 2 == 0} == {threading.get_ident()}


def test_what_is_not_wanted_any_more_is_left() -> None:
    begun: list[int] = []
    pieces = parallel.ahead(begun.append, 100)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert len(begun) <= 2


def test_what_fails_on_the_other_thread_is_raised() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(parallel.ahead(work, 10))
    assert list(parallel.ahead(work, 3)) == [0, 1, 2]
