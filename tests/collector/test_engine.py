"""A real container on a real engine: its limit, its CPU, its network, its end."""

from __future__ import annotations

from typing import Any

from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_core.codec import from_plain
from paramedic_core.model import Container, State
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.world import World
from support_collector import ALONE, NOW, collect, samples, world
from support_engine import PrivateEngine
from support_paramedic import paramedic
from support_wait import wait_until


def _of(facts: dict[str, Any]) -> Container:
    labels = facts["Config"]["Labels"]
    name, state = facts["Name"].lstrip("/"), State(facts["State"]["Status"])
    return Container(facts["Id"], name, state, image=facts["Config"]["Image"], pid=facts["State"]["Pid"], labels=labels)


def _values(source: Containers, c: Container) -> dict[str, float]:
    text = collect(source, Context(now=NOW, world=world([c]), settings=ALONE))
    return {key.partition("{")[0]: value for key, value in samples(text).items()}


def test_a_container_is_measured_from_its_start_to_its_end(private_engine: PrivateEngine) -> None:
    name, source = "collector-busy", Containers()
    options = ["-m", "64m", "--label", "com.docker.compose.service=busy"]
    private_engine.run(name, "sh", "-c", "while :; do :; done", options=options)
    try:
        c = _of(private_engine.inspect(name))
        text = collect(source, Context(now=NOW, world=world([c]), settings=ALONE))
        wanted = (
            f'{{container_label_com_docker_compose_service="busy",id="/docker/{c.id}",image="{c.image}",name="{name}"}}'
        )
        assert f"container_spec_memory_limit_bytes{wanted} 67108864\n" in text
        first = _values(source, c)
        wait_until(
            lambda: (
                _values(source, c)["container_cpu_usage_seconds_total"]
                > first["container_cpu_usage_seconds_total"] + 0.2
            )
        )
        assert 0 < _values(source, c)["container_memory_working_set_bytes"] < 64 << 20

        private_engine.docker("kill", name)
        wait_until(lambda: _values(source, c) == {})
        assert source.deaths == 1

        private_engine.docker("start", name)
        again = _of(private_engine.inspect(name))
        assert _values(source, again)["container_cpu_usage_seconds_total"] < 5
    finally:
        source.close()
        private_engine.remove(name)


def test_an_oom_kill_is_counted(private_engine: PrivateEngine) -> None:
    """A child of the first process is killed for lack of memory; the container lives on."""
    name, source = "collector-oom", Containers()
    eat = "until tail -c 64m /dev/zero >/dev/null; do echo killed; sleep 1000; done; sleep 1000"
    private_engine.run(name, "sh", "-c", eat, options=["-m", "16m", "--memory-swap", "16m"])
    try:
        c = _of(private_engine.inspect(name))
        wait_until(lambda: _values(source, c)["container_oom_events_total"] >= 1, within=30)
    finally:
        source.close()
        private_engine.remove(name)


def _seen(runtime: RoleClient, name: str) -> Container | None:
    """A container as the World knows it."""
    return from_plain(World, runtime.get("/world")["world"]).find(name)


def test_every_end_between_two_scrapes_is_counted(private_engine: PrivateEngine) -> None:
    """Four runs that the kernel ends for lack of memory, and nobody scrapes until they are over."""
    name = "collector-ends"
    with paramedic(private_engine.host, roles=("runtime", "collector"), collector__listen="") as running:
        collector = RoleClient(socket_path(running.data, "collector"), "collector")
        try:
            options = ["-m", "8m", "--memory-swap", "8m", "--restart", "no"]
            private_engine.run(name, "sh", "-c", "sleep 0.5; exec tail /dev/zero", options=options)
            ends = dict[float, bool]()

            def ended(runs: int) -> bool:
                seen = _seen(running.runtime, name)
                if seen is not None and seen.state is State.EXITED:
                    ends[seen.finished_at] = seen.oom_killed
                return len(ends) == runs

            for again in range(4):
                if again:
                    private_engine.docker("start", name)
                wait_until(lambda runs=again + 1: ended(runs), within=60)

            def told(family: str) -> list[float]:
                found = samples(collector.text("/metrics"))
                return [v for key, v in found.items() if key.startswith(family) and f'name="{name}"' in key]

            wait_until(lambda: told("container_exits_total") == [4], within=60)
            # The engine itself misses a kill now and then, when the end is told before it.
            (kills,) = told("container_oom_events_total")
            assert sum(ends.values()) <= kills <= 4
        finally:
            private_engine.remove(name)
