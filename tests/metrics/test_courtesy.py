"""Queries let pages go first: until the page is made, for a bounded time, and not again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from paramedic_metrics import courtesy
from paramedic_metrics.courtesy import Courtesy
from support_wait import wait_until


@contextmanager
def page(polite: Courtesy) -> Iterator[None]:
    """A page that another thread makes meanwhile."""
    begun, done = threading.Event(), threading.Event()

    def make() -> None:
        with polite.first():
            begun.set()
            done.wait(30)

    thread = threading.Thread(target=make)
    thread.start()
    begun.wait(30)
    yield
    done.set()
    thread.join(30)


def test_a_query_waits_until_the_page_is_made() -> None:
    polite = Courtesy(most=60.0)
    query = threading.Thread(target=polite.give_way)
    with page(polite):
        query.start()
        wait_until(lambda: polite.waiting == 1)
        assert query.is_alive()
    query.join(10)
    assert not query.is_alive()
    assert (polite.waiting, polite.waited) == (0, 1)


def test_without_a_page_it_does_not_wait() -> None:
    polite = Courtesy()
    with page(polite):
        pass
    polite.give_way()
    assert polite.waited == 0


def test_a_pages_own_query_does_not_wait_for_it() -> None:
    polite = Courtesy()
    with polite.first():
        polite.give_way()
    assert polite.waited == 0


def test_after_waiting_in_vain_it_goes_on_for_a_while() -> None:
    now = [100.0]
    polite = Courtesy(lambda: now[0])
    with page(polite):
        polite.give_way()
        polite.give_way()
        assert polite.waited == 1
        now[0] += courtesy.REST
        polite.give_way()
        assert polite.waited == 2
