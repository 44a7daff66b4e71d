"""Figures: out of an exposition, through rates, into rings."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_api.history.exposition import Sample, parse
from paramedic_api.history.figures import WANTED, digest, rates
from paramedic_api.history.keeper import Keeper
from paramedic_api.history.recalled import recall
from paramedic_api.history.rings import Rings
from paramedic_core.clock import FakeClock
from paramedic_core.sys.client import RoleClient
from support_hub import stand
from support_shop import container_id, exposition, shop_world

TEXT = r"""
# HELP node_boot_time_seconds Node boot time.
node_boot_time_seconds 1.7e+09
node_memory_MemTotal_bytes 1000
node_memory_MemAvailable_bytes 400
other_metric{a="b"} 3
container_memory_working_set_bytes{id="/system.slice/docker-%s.scope",name="a\"b\\c\nd}"} 77 1700000000000
container_memory_working_set_bytes{id="/",name=""} 5
node_cpu_seconds_total{cpu="0",mode="user"} NaN
node_network_receive_bytes_total{device="eth0"} broken
""" % ("f" * 64)


def _labels(family: str, **pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": family, **pairs}.items()))


def test_only_wanted_families_are_read() -> None:
    found = parse(TEXT, WANTED)
    assert found["node_boot_time_seconds"] == [Sample({}, 1.7e9)]
    assert found["container_memory_working_set_bytes"][0].labels["name"] == 'a"b\\c\nd}'
    assert found["container_memory_working_set_bytes"][0].value == 77
    assert found["node_network_receive_bytes_total"] == []
    assert "other_metric" not in found


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    parse(text, WANTED)
    parse("node_boot_time_seconds" + text, WANTED)
    parse("node_boot_time_seconds{" + text + "} 1", WANTED)


def test_a_long_line_costs_nothing() -> None:
    assert parse("node_boot_time_seconds{" + 'a="\\' * 100_000, WANTED)["node_boot_time_seconds"] == []


def test_a_scrape_becomes_figures() -> None:
    world = shop_world()
    first, second = (digest(parse(exposition(world, step), WANTED), step * 15.0) for step in (0, 1))
    values = rates(first, second)
    assert values["node:memory_total"] == 16e9
    assert second.facts["cpu_cores"] == 4
    assert 0 < values["node:cpu"] < 4
    assert values["node:rx"] < 1e8, "loopback does not count"
    assert 0 < values[f"cpu:{container_id('shop-web-1')}"] < 1
    assert values[f"memory:{container_id('shop-redis-1')}"] == pytest.approx(0.12 * (512 << 20), rel=0.01)


def test_a_counter_that_went_back_gives_a_gap() -> None:
    world = shop_world()
    later, earlier = (digest(parse(exposition(world, step), WANTED), at) for step, at in ((5, 0.0), (1, 15.0)))
    assert "node:rx" not in rates(later, earlier)
    assert "node:rx" not in rates(None, later)
    assert "node:rx" not in rates(later, later)


def test_rings_keep_the_last_samples() -> None:
    rings = Rings(3)
    for value in (1.0, 2.0, 3.0, 4.0):
        rings.push({"a": value} if value != 3 else {})
    assert rings.read("a") == [2.0, None, 4.0]
    assert rings.read("a", 2) == [None, 4.0]
    assert rings.last("a") == 4.0
    assert rings.read("b") == [None, None, None]


def test_rings_remember_what_was_before_the_first_sample() -> None:
    rings = Rings(5, series=3)
    rings.push({"a": 4.0, "b": 1.0})
    rings.push({"a": 5.0})
    assert rings.room == 3
    rings.remember({"a": [0.0, 1.0, 2.0, math.nan], "c": [7.0], "d": [math.nan], "e": [1.0]}, 4)
    assert rings.read("a") == [1.0, 2.0, None, 4.0, 5.0]
    assert rings.read("b") == [None, None, None, 1.0, None]
    assert len(rings._series) == 3
    assert ("c" in rings._series) != ("e" in rings._series), "no more series than there may be"
    assert rings.room == 0
    rings.push({"a": 6.0})
    assert rings.read("a") == [2.0, None, 4.0, 5.0, 6.0]
    rings.remember({"a": [9.0]}, 1)
    assert rings.read("a") == [2.0, None, 4.0, 5.0, 6.0]


def test_rings_are_bounded_and_forget() -> None:
    rings = Rings(2, series=2)
    rings.push({"a": 1, "b": 2, "c": 3})
    assert rings.dropped == 1
    rings.push({"b": 2})
    rings.push({"b": 2})
    assert set(rings._series) == {"b"}
    rings.push({"b": math.nan, "d": 1})
    assert rings.read("d") == [None, 1.0]


def test_the_keeper_says_why_it_knows_nothing(tmp_path: Path) -> None:
    keeper = Keeper(RoleClient(tmp_path / "no.sock", "collector"), 15.0, FakeClock())
    keeper.scrape()
    assert not keeper.ready().ready
    assert "collector" in keeper.ready().reason
    assert keeper.last("node:cpu") is None
    assert keeper.failures == 1
    keeper.stop()


def test_longer_than_an_hour_comes_from_the_store() -> None:
    with stand() as found:
        found.wait_known()
        now = int(time.time()) // 360 * 360
        compose = {
            "container_label_com_docker_compose_project": "shop",
            "container_label_com_docker_compose_service": "api",
        }
        samples = []
        for n in range(24 * 60):
            at = (now - 86_400 + 60 * n) * 1000
            # Two containers of the service, one of them removed long ago; another service's does not count.
            samples += [
                (_labels("container_cpu_usage_seconds_total", cpu="total", name="shop-api-1", **compose), at, 30.0 * n),
                (_labels("container_memory_working_set_bytes", name="shop-api-1", **compose), at, 100.0),
                (_labels("container_memory_working_set_bytes", name="shop-api-old", **compose), at, 50.0),
                (
                    _labels(
                        "container_memory_working_set_bytes",
                        name="other",
                        container_label_com_docker_compose_service="api",
                    ),
                    at,
                    9.0,
                ),
                (_labels("node_memory_MemTotal_bytes", node="tuna"), at, 1000.0),
                (_labels("node_memory_MemAvailable_bytes", node="tuna"), at, 250.0),
            ]
        found.hub.measured.metrics.store.add(samples)
        day = found.client.get("/api/v1/history?service=shop/api&range=24h").get_json()
        assert day["interval_seconds"] == 360
        assert len(day["series"]["memory_bytes"]) == 241
        assert set(day["series"]["memory_bytes"][2:-2]) == {150.0}
        assert {round(v, 6) for v in day["series"]["cpu_cores"][2:-2]} == {0.5}
        node = found.client.get("/api/v1/history?range=7d").get_json()
        assert node["series"]["memory_bytes"][0] is None
        assert 750.0 in node["series"]["memory_bytes"]
        assert set(node["series"]) == {
            "cpu_cores",
            "memory_bytes",
            "disk_bytes",
            "network_receive_bytes_per_second",
            "network_transmit_bytes_per_second",
        }
        assert found.client.get("/api/v1/history?range=9y").status_code == 400
        assert found.client.get("/api/v1/history?range=1h&service=shop/none").status_code == 404


def test_the_hour_before_a_hub_began_is_recalled_from_the_store() -> None:
    with stand("runtime", "healer") as found:
        keeper, web, redis = found.hub.history, container_id("shop-web-1"), container_id("shop-redis-1")
        begun = round(keeper.since)
        cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
        samples = []
        for n in range(20):
            at = (begun - 15 * (20 - n)) * 1000
            scope = {"id": f"/system.slice/docker-{web}.scope", "name": "shop-web-1", "node": "tuna"}
            samples += [
                (_labels("node_memory_MemTotal_bytes", node="tuna"), at, 1000.0),
                (_labels("node_memory_MemAvailable_bytes", node="tuna"), at, 250.0),
                (_labels(cpu, cpu="total", **scope), at, 30.0 * n),
                (_labels(memory, **scope), at, 77.0),
                (_labels(memory, id="/", name="", node="tuna"), at, 5.0),
                (_labels(memory, name="shop-redis-1", node="elsewhere", id=f"/docker/{redis}"), at, 9.0),
            ]
        found.hub.measured.metrics.store.add(samples)
        assert keeper.read("node:memory") == [None] * len(keeper.read("node:memory"))
        recall(found.hub)
        node, used = keeper.read("node:memory"), keeper.read(f"memory:{web}")
        assert 290 <= len(node) < 400, "it begins where something is known"
        assert node[0] == node[-5 - 240] == 750.0
        assert used[-5 - 240] == 77.0
        assert keeper.read(f"cpu:{web}")[-5 - 240] == pytest.approx(2.0, rel=0.1)
        assert not [v for v in keeper.read(f"memory:{redis}") if v is not None], "another node's"
