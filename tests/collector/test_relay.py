"""Jobs that hang are left behind, once each; the rest goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from paramedic_collector.relay import Relay
from support_wait import wait_until


class Blocked:
    """Jobs that hang in a read(2) of a pipe, as they would in statvfs(2) of a dead mount, until they are let go."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.begun = 0

    def __call__(self) -> str:
        self.begun += 1
        os.read(self._read, 1)
        return "late"

    def let_go(self) -> None:
        os.write(self._write, b"x" * 64)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    found = Blocked()
    yield found
    found.let_go()


def test_results_and_errors_come_back_with_their_time() -> None:
    relay: Relay[int] = Relay("test")
    outcomes = relay.run([("good", lambda: 7), ("bad", lambda: 1 // 0)], 1.0)
    assert outcomes["good"].value == 7
    assert outcomes["good"].error is None
    assert isinstance(outcomes["bad"].error, ZeroDivisionError)
    assert 0 <= outcomes["good"].seconds < 1
    assert relay.run([], 1.0) == {}
    relay.close()


def test_healthy_jobs_share_one_thread() -> None:
    relay: Relay[int] = Relay("test", hedge=5.0)
    seen = set()
    for _ in range(3):
        jobs = [(str(i), lambda: seen.add(threading.get_ident()) or 1) for i in range(5)]  # type: ignore[func-returns-value]
        assert all(o.value == 1 for o in relay.run(jobs, 1.0).values())
    assert len(seen) == 1
    relay.close()


def test_a_job_that_hangs_is_left_behind_and_skipped_until_it_returns(blocked: Blocked) -> None:
    relay: Relay[str] = Relay("test")
    jobs: list[tuple[str, Callable[[], str]]] = [("hangs", blocked), ("good", lambda: "well")]
    began = time.monotonic()
    first = relay.run(jobs, 1.0)
    assert 1.0 <= time.monotonic() - began < 5
    assert isinstance(first["hangs"].error, TimeoutError)
    assert first["good"].value == "well"
    assert list(relay.stuck) == ["hangs"]

    began = time.monotonic()
    second = relay.run(jobs, 20.0)
    assert time.monotonic() - began < 10  # nobody waits for it a second time
    assert "hung for" in str(second["hangs"].error)
    assert second["good"].value == "well"
    assert blocked.begun == 1

    blocked.let_go()
    wait_until(lambda: not relay.stuck)
    assert relay.run(jobs, 1.0)["hangs"].value == "late"
    relay.close()


def test_the_rest_does_not_wait_for_the_one_that_hangs(blocked: Blocked) -> None:
    relay: Relay[object] = Relay("test")
    outcomes = relay.run([("hangs", blocked), ("good", blocked.let_go)], 30.0)
    assert outcomes["hangs"].value == "late", "it ended because the other one ran beside it"
    relay.close()


def test_many_that_hang_cost_one_time_out_and_a_bounded_number_of_threads(blocked: Blocked) -> None:
    relay: Relay[str] = Relay("hanging", workers=3)
    jobs: list[tuple[str, Callable[[], str]]] = [(f"hangs{i}", blocked) for i in range(10)]
    began = time.monotonic()
    outcomes = relay.run(jobs, 1.0)
    assert time.monotonic() - began < 3
    assert all(isinstance(o.error, TimeoutError) for o in outcomes.values())
    assert sum(t.name == "hanging" for t in threading.enumerate()) == 3
    began = time.monotonic()
    outcomes = relay.run(jobs, 20.0)  # no thread is left: said at once
    assert time.monotonic() - began < 10
    assert "others hang" in str(outcomes["hangs9"].error)
    relay.close()


def test_threads_end_when_it_is_closed() -> None:
    relay: Relay[int] = Relay("closing")
    relay.run([("good", lambda: 1)], 1.0)
    relay.close()
    wait_until(lambda: not any(t.name == "closing" for t in threading.enumerate()))
