"""A real Prometheus and a real Alertmanager, with the files that paramedic ships: an alert heals, and only once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_engine import PrivateEngine
from support_paramedic import Paramedic, paramedic
from support_ports import free_port
from support_prometheus import ask, missing, stack

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()} (scripts/test-tools installs it)"),
]
ROLES = ("runtime", "collector", "healer", "hub")
NAME = "alerts-leak"


@pytest.fixture
def leak(private_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """A container with leave and no health check; what it leaks goes with a restart."""
    options = ("--label", "paramedic.heal=true", "--stop-timeout", "1", "--memory", "64m", "--shm-size", "64m")
    private_engine.run(NAME, options=options)
    yield private_engine
    private_engine.remove(NAME)


def _restarts(engine: PrivateEngine, since: float) -> int:
    return len(engine.events(since, target=NAME, actions=("restart",)))


def _leaks_until_restarted(engine: PrivateEngine, prometheus: str) -> float:
    """Fill its memory once Prometheus has seen it; return when."""
    limit = f'container_spec_memory_limit_bytes{{name="{NAME}"}}'
    engine.wait(lambda: ask(prometheus, limit) != [], within=40)
    since = time.time()
    engine.docker("exec", NAME, "dd", "if=/dev/zero", "of=/dev/shm/leak", "bs=1M", "count=62")
    engine.wait_events(bool, since=since, target=NAME, actions=("restart",), within=60)
    return since


def _settings() -> tuple[int, int, dict[str, str]]:
    hub, collector = free_port(), free_port()
    return hub, collector, {"hub__listen": f"127.0.0.1:{hub}", "collector__listen": f"127.0.0.1:{collector}"}


def _token(running: Paramedic) -> str:
    made = running.cli("token", "create", "alertmanager", "--role", "sender", "-o", "json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["token"])


def test_an_alert_of_a_real_prometheus_heals_once(leak: PrivateEngine, tmp_path: Path) -> None:
    hub, collector, settings = _settings()
    with (
        paramedic(leak.host, roles=ROLES, **settings) as running,
        stack(tmp_path, hub, collector, _token(running)) as prometheus,
    ):
        since = _leaks_until_restarted(leak, prometheus)
        (closed,) = running.wait_journal("closed", NAME, within=60)
        assert (closed["state"], closed["outcome"]) == ("healed", "fixed")
        (opened,) = running.journal("opened", NAME)
        assert opened["cause"] == "alert"
        assert "ContainerLeaksMemory" in opened["text"]
        # Alertmanager says that it is over, and that is stored too.
        leak.wait(lambda: [a["firing"] for a in running.journal("alert")] == [True, False], within=30)
        assert _restarts(leak, since) == 1
        assert ask(prometheus, 'paramedic_acts_total{verb="restart",status="done"} > 0') != [], (
            "the hub hands on the role's"
        )


def test_the_healer_killed_between_intent_and_act_acts_once(leak: PrivateEngine, tmp_path: Path) -> None:
    hub, collector, settings = _settings()
    with paramedic(leak.host, roles=ROLES, start=False, **settings) as running:
        mark = running.data.parent / "mark"
        mark.parent.chmod(0o777)
        running.start({**os.environ, "PARAMEDIC_FAULTS": f"healer.before_act={mark}"})
        healer = running.pid("healer")
        with stack(tmp_path, hub, collector, _token(running)) as prometheus:
            since = _leaks_until_restarted(leak, prometheus)
            assert mark.exists(), "it was killed with the intent written and the act not asked for"
            running.wait_journal("closed", NAME, within=60)
            assert running.pid("healer") != healer
            leak.wait(lambda: [a["firing"] for a in running.journal("alert")] == [True, False], within=30)
            assert _restarts(leak, since) == 1
