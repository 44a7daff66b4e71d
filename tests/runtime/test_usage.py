"""One-shot statistics: the engine's JSON, whatever is in it, and how often it is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.codec import from_plain
from paramedic_core.errors import NotFound
from paramedic_core.sys.server import Request
from paramedic_core.usage import Usage
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.publish import Publisher
from paramedic_runtime.usage import Usages, usage

RAW = {
    "read": "2026-11-24T19:00:00.5Z",
    "pids_stats": {"current": 3, "limit": 50},
    "cpu_stats": {
        "cpu_usage": {"total_usage": 2_500_000_000, "usage_in_kernelmode": 500_000_000, "usage_in_usermode": 2_000_000_000},
        "throttling_data": {"periods": 10, "throttled_periods": 4, "throttled_time": 1_500_000_000},
    },
    "memory_stats": {"usage": 1_000_000, "stats": {"anon": 300, "inactive_file": 400}, "limit": 64 << 20},
    "blkio_stats": {
        "io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "read", "value": 4096}],
        "io_serviced_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 2}],
    },
    "networks": {"eth0": {"rx_bytes": 1, "rx_packets": 2, "rx_errors": 3, "rx_dropped": 4,
                          "tx_bytes": 5, "tx_packets": 6, "tx_errors": 7, "tx_dropped": 8}},
}  # fmt: skip


def test_an_answer_is_read_whole() -> None:
    found = usage(RAW)
    assert found == Usage(
        at=found.at, cpu_seconds=2.5, cpu_user_seconds=2.0, cpu_system_seconds=0.5, periods=10, throttled_periods=4,
        throttled_seconds=1.5, memory=1_000_000, stat={"anon": 300, "inactive_file": 400}, threads=3,
        io_bytes={"8:0 Read": 4096}, io_counts={"8:0 Read": 2}, network={"eth0": (1, 2, 3, 4, 5, 6, 7, 8)},
    )  # fmt: skip


@pytest.mark.parametrize("hostile", [None, "x", [], {}, [{}], {"x": None}, -1, True])
@pytest.mark.parametrize("key", list(RAW))
def test_a_strange_answer_is_read_as_far_as_it_goes(key: str, hostile: object) -> None:
    try:
        found = usage({**RAW, key: hostile})
    except NotFound:
        assert key == "read"
        return
    assert replace(found, at=1.0).memory in (0, 1_000_000)


def test_one_that_does_not_run_uses_nothing() -> None:
    with pytest.raises(NotFound):
        usage({**RAW, "read": "0001-01-01T00:00:00Z"})


def test_the_engine_is_asked_once_in_ten_seconds_a_container() -> None:
    clock = FakeClock()
    engine = MemoryBackend(clock)
    target, stopped = engine.add("web"), engine.add("old")
    engine.stop(stopped, 1)
    publisher = Publisher("host", clock)
    publisher.update(lambda w: replace(w, containers={c.id: c for c in engine.containers()}))
    route = Usages(engine, publisher, clock).routes()["GET /usage/{id}"]
    asked = []
    real = engine.usage
    engine.usage = lambda key: (asked.append(key), real(key))[1]  # type: ignore[method-assign]
    for _ in range(3):
        answer = route(Request("GET", f"/usage/{target}", params={"id": target}))
        assert isinstance(answer.body, bytes)
        assert from_plain(Usage, json.loads(answer.body)).memory == 8 << 20
    assert asked == [target]
    clock.advance(11)
    route(Request("GET", f"/usage/{target}", params={"id": target}))
    assert asked == [target] * 2
    for other in (stopped, "f" * 64, "web"):
        with pytest.raises(NotFound):
            route(Request("GET", f"/usage/{other}", params={"id": other}))
    assert asked == [target] * 2
