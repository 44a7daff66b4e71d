"""Where only the engine's socket can be seen: the engine's own numbers, once a minute, marked as such."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector.coarse import Coarse
from paramedic_collector.exposition import Exposition, render
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_core.clock import FakeClock
from paramedic_core.errors import NotFound, PeerAway
from paramedic_core.usage import Usage
from support_collector import ALONE, NOW, container, paths, samples, tree, v1, v2, world
from support_wait import wait_until

V2 = Usage(
    NOW - 3, cpu_seconds=2.5, cpu_user_seconds=2.0, cpu_system_seconds=0.5, memory=1_000_000,
    stat={"anon": 300, "file": 600, "inactive_file": 250_000}, threads=3, io_bytes={"8:0 Read": 4096},
    network={"eth0": (1, 2, 3, 4, 5, 6, 7, 8)},
)  # fmt: skip


class Engine:
    """Answers for runtime."""

    def __init__(self, usage: Usage) -> None:
        self.usage, self.asked, self.error = usage, list[str](), None if usage else PeerAway("away")
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, target: str) -> Usage:
        self.gate.wait(10)
        self.asked.append(target)
        if self.error is not None:
            raise self.error
        return self.usage


def scrape(source: Containers, context: Context) -> tuple[dict[str, float], str]:
    out = Exposition()
    source.collect(context, out)
    return samples(render([out])), out.problem


def test_after_three_blind_scrapes_the_engine_is_asked_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "paramedic.collector")
    c, clock, engine = container(memory_limit=64 << 20), FakeClock(), Engine(V2)
    tree(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu\n"})
    coarse = Coarse(engine, clock)
    source, context = Containers(), Context(paths(tmp_path), NOW, world([c]), settings=ALONE, coarse=coarse)
    for _ in range(2):
        assert scrape(source, context) == ({}, "")
    assert engine.asked == []
    scrape(source, context)
    wait_until(lambda: len(scrape(source, context)[0]) > 5)
    found, problem = scrape(source, context)
    assert problem == ""
    labels = f'id="/docker/{c.id}",image="busybox:1",name="web"'
    assert found[f"container_coarse{{{labels}}}"] == 1
    assert found[f"container_last_seen{{{labels}}}"] == NOW - 3
    assert found[f'container_cpu_usage_seconds_total{{cpu="total",{labels}}}'] == 2.5
    assert found[f"container_memory_working_set_bytes{{{labels}}}"] == 750_000
    assert found[f"container_memory_rss{{{labels}}}"] == 300
    assert found[f"container_spec_memory_limit_bytes{{{labels}}}"] == 64 << 20
    network = labels.replace(",name", ',interface="eth0",name')
    assert found[f"container_network_transmit_packets_dropped_total{{{network}}}"] == 8
    assert engine.asked == [c.id]
    clock.advance(61)
    scrape(source, context)
    wait_until(lambda: len(engine.asked) == 2)
    assert [r.getMessage().count("once a minute") for r in caplog.records] == [1]
    # The host's folders are there after all: its own numbers again, and no mark.
    tree(tmp_path, v2(c))
    found, _ = scrape(source, context)
    assert not any("coarse" in key for key in found)
    assert any("memory_usage" in key for key in found)
    source.close()


def test_without_any_cgroups_too(tmp_path: Path) -> None:
    c, engine = container(), Engine(replace(V2, stat={"total_rss": 5, "total_inactive_file": 999_999_999}))
    (tmp_path / "proc").mkdir()
    source = Containers()
    context = Context(paths(tmp_path), NOW, world([c]), coarse=Coarse(engine, FakeClock()))
    wait_until(lambda: bool(scrape(source, context)[0]))
    found, _ = scrape(source, context)
    assert [value for key, value in found.items() if "working_set" in key] == [0]
    assert [value for key, value in found.items() if "memory_rss" in key] == [5]


def test_an_engine_that_does_not_answer_is_named_and_hangs_nothing(tmp_path: Path) -> None:
    c, engine, clock = container(), Engine(V2), FakeClock()
    files = {name: text for name, text in v1(c).items() if not name.startswith("proc/")}
    tree(tmp_path, {**files, "proc/x": ""})
    engine.gate.clear()
    source = Containers()
    context = Context(paths(tmp_path), NOW, world([c]), settings=ALONE, coarse=Coarse(engine, clock))
    for _ in range(5):
        assert scrape(source, context) == ({}, "")
    engine.error = PeerAway("the engine is away")
    engine.gate.set()
    wait_until(lambda: "the engine is away" in scrape(source, context)[1])


def test_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    first, second = container("a", 1), container("b", 2)
    engine, clock = Engine(V2), FakeClock()
    coarse = Coarse(engine, clock)
    coarse.rows([first, second], ())
    wait_until(lambda: len(coarse.rows([first, second], ())) == 2)
    assert len(coarse.rows([second], ())) == 1
    engine.error = NotFound("gone")  # type: ignore[assignment]
    clock.advance(61)
    coarse.rows([second], ())
    wait_until(lambda: len(engine.asked) == 3)
    assert coarse.trouble == ""
