"""The gate before queries: so many at once, one place never for a heavy one, and what makes a query heavy."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from paramedic_api.app import make_app
from paramedic_api.hub import make_hub
from paramedic_api.prometheus.errors import QueryProblem
from paramedic_api.prometheus.gate import Gate
from paramedic_core.clock import FakeClock
from paramedic_core.settings import Settings
from support_metrics import MemoryStore
from support_wait import wait_until

QUERY = "/prometheus/api/v1/query"


def test_so_many_queries_at_once_and_no_more() -> None:
    gate, inside, let_go = Gate(1, 1), threading.Event(), threading.Event()
    answers: list[str] = []

    def hold() -> None:
        with gate.through(5):
            inside.set()
            let_go.wait(10)

    def wait() -> None:
        try:
            with gate.through(5):
                answers.append("came in")
        except QueryProblem as problem:
            answers.append(problem.kind)

    first = threading.Thread(target=hold)
    first.start()
    assert inside.wait(30)
    with pytest.raises(QueryProblem, match="in queue") as late, gate.through(0.05):
        pass
    assert (late.value.kind, late.value.status) == ("timeout", 503)
    second = threading.Thread(target=wait)
    second.start()
    end = time.monotonic() + 5
    while not gate.waiting and time.monotonic() < end:
        time.sleep(0.005)
    with pytest.raises(QueryProblem, match="1 queries run and 1 wait") as full, gate.through(5):
        pass
    assert (full.value.kind, full.value.status) == ("unavailable", 503)
    let_go.set()
    first.join(30)
    second.join(30)
    assert answers == ["came in"]
    assert (gate.running, gate.waiting, gate.refused) == (0, 0, 2)


class Querying:
    """A query in a thread of its own."""

    def __init__(self, gate: Gate, samples: int, timeout: float = 30.0) -> None:
        self._gate, self._samples, self._timeout = gate, samples, timeout
        self.problem: QueryProblem | None = None
        self.running, self.let_go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._gate.through(self._timeout):
                self._gate.weigh(self._samples)
                self.running.set()
                self.let_go.wait(30)
        except QueryProblem as problem:
            self.problem = problem

    def end(self) -> None:
        self.let_go.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_one_place_is_never_a_heavy_query_s() -> None:
    gate = Gate(2, 20, heavy=1000)
    first, second = Querying(gate, 1000), Querying(gate, 5000)
    wait_until(lambda: (gate.running, gate.heavy, gate.waiting) == (1, 1, 1))
    wait_until(lambda: first.running.is_set() or second.running.is_set())
    light = Querying(gate, 999)
    assert light.running.wait(30), "it does not stand behind the heavy ones"
    assert (gate.running, gate.heavy) == (2, 1)
    (ran, waits) = (first, second) if first.running.is_set() else (second, first)
    ran.end()
    assert waits.running.wait(30)
    assert (gate.running, gate.heavy, gate.waiting) == (2, 1, 0)
    waits.end()
    light.end()
    assert (gate.running, gate.heavy, gate.waiting, gate.refused) == (0, 0, 0, 0)


def test_what_a_query_reads_piece_by_piece_is_added_up() -> None:
    gate = Gate(2, 20, heavy=1000)
    gate.weigh(10**9)
    assert gate.heavy == 0, "it came by no gate"
    with gate.through(5):
        gate.weigh(600)
        assert gate.heavy == 0
        gate.weigh(600)
        gate.weigh(600)
        assert gate.heavy == 1
    with gate.through(5):
        gate.weigh(600)
        assert (gate.running, gate.heavy) == (1, 0), "the next query of the thread begins anew"


def test_a_heavy_query_waits_no_longer_than_it_may() -> None:
    gate = Gate(2, 20, heavy=1000)
    first = Querying(gate, 1000)
    assert first.running.wait(30)
    late = Querying(gate, 1000, timeout=0.05)
    late.end()
    assert late.problem is not None
    assert (late.problem.kind, late.problem.status) == ("timeout", 503)
    assert (gate.running, gate.heavy, gate.waiting) == (1, 1, 0)
    first.end()
    assert (gate.running, gate.heavy) == (0, 0)


def test_one_place_alone_takes_heavy_queries_too() -> None:
    gate = Gate(1, 20, heavy=1000)
    with gate.through(5):
        gate.weigh(1000)
        assert (gate.running, gate.heavy) == (1, 1)
    assert (gate.running, gate.heavy) == (0, 0)


@pytest.mark.parametrize("more", [{}, {"lookback_delta": "1m"}])
def test_what_a_subquery_makes_takes_a_heavy_place(tmp_path: Path, more: dict[str, str]) -> None:
    hub = make_hub(Settings(node="tuna"), tmp_path, "cafe", FakeClock(1_700_000_000.0), MemoryStore())
    client = make_app(hub).test_client()
    query = {"query": "count_over_time(vector(1)[2000000s:1s])", "timeout": "300ms", **more}
    others = [Querying(hub.measured.gate, 5_000_000) for _ in range(max(1, hub.settings.metrics.query_concurrency - 1))]
    assert all(other.running.wait(10) for other in others)
    found = client.get(QUERY, query_string=query)
    assert (found.status_code, "in queue" in found.text) == (503, True)
    for other in others:
        other.end()
    del query["timeout"]
    assert client.get(QUERY, query_string=query).get_json()["data"]["result"][0]["value"][1] == "2000000"
