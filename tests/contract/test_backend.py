"""What every backend promises: reads, verbs, events."""

import threading
import time

import pytest

from paramedic_core.errors import NotFound, Permanent
from paramedic_core.model import Health, State
from paramedic_runtime.keeper import NETWORK
from support_rigs import until


def mine(rig):
    return {c.name: c for c in rig.backend.containers() if c.name.startswith("contract-")}


def test_the_engine_says_who_it_is(rig):
    engine = rig.backend.engine()
    assert engine.connected
    assert engine.version
    assert tuple(map(int, engine.api_version.split("."))) >= (1, 41)
    assert engine.address


def test_a_container_as_list_and_inspect_tell(rig, name):
    target = rig.run(name, labels={"paramedic.heal": "true", "db.password": "hunter2"}, check=True, policy="always")
    listed, seen = mine(rig)[name], rig.backend.inspect(target)
    assert listed.id == seen.id == target
    for found in (listed, seen):
        assert (found.name, found.state, found.running) == (name, State.RUNNING, True)
        assert found.restart_policy == "always"
        assert found.health_check is not None
        assert (found.health_check.interval, found.health_check.retries) == (1.0, 1)
        assert found.labels["paramedic.heal"] == "true"
        assert found.image_labels == ()
        assert abs(found.started_at - time.time()) < 60
        assert found.finished_at == 0.0
        assert found.pid > 0


def test_what_a_container_uses(rig, name):
    target = rig.run(name)
    found = rig.backend.usage(target)
    assert abs(found.at - time.time()) < 60
    assert found.memory > 0
    assert found.cpu_seconds > 0
    assert found.threads >= 1
    rig.backend.stop(target, 5)
    with pytest.raises(NotFound):
        rig.backend.usage(target)


def test_what_is_not_there(rig):
    for call in (
        lambda: rig.backend.usage("f" * 64),
        lambda: rig.backend.inspect("f" * 64),
        lambda: rig.backend.restart("f" * 64, 1),
        lambda: rig.backend.start("f" * 64),
        lambda: rig.backend.stop("f" * 64, 1),
        lambda: rig.backend.kill("f" * 64, "SIGKILL"),
    ):
        with pytest.raises(NotFound):
            call()


def test_stop_start_restart_kill(rig, name):
    target = rig.run(name)
    rig.backend.stop(target, 5)
    stopped = rig.backend.inspect(target)
    assert (stopped.state, stopped.pid) == (State.EXITED, 0)
    assert stopped.finished_at > stopped.started_at
    rig.backend.stop(target, 5)
    rig.backend.start(target)
    started = rig.backend.inspect(target)
    assert started.running
    assert started.started_at > stopped.finished_at
    rig.backend.start(target)
    assert rig.backend.inspect(target).started_at == started.started_at
    rig.backend.restart(target, 5)
    assert rig.backend.inspect(target).started_at > started.started_at
    rig.backend.kill(target, "SIGKILL")
    until(lambda: rig.backend.inspect(target).exit_code == 137, rig.settle)
    with pytest.raises(Permanent, match="not running"):
        rig.backend.kill(target, "SIGKILL")


def test_what_hears_no_sigterm_is_restarted_all_the_same(rig, name):
    target = rig.run_deaf(name)
    before = time.monotonic()
    rig.backend.restart(target, 1)
    assert time.monotonic() - before >= 1
    assert rig.backend.inspect(target).running


def test_health_fails_and_a_restart_cures_it(rig, name):
    target = rig.run(name, check=True)
    rig.fail_health(name)
    sick = until(lambda: (c := rig.backend.inspect(target)).health is Health.UNHEALTHY and c, rig.settle)
    assert sick.failing_streak >= 1
    assert sick.running
    rig.backend.restart(target, 5)
    assert rig.backend.inspect(target).health in (Health.STARTING, Health.HEALTHY)
    until(lambda: rig.backend.inspect(target).health is Health.HEALTHY, rig.settle)


class Reader:
    """Reads a stream in a thread; without what networks tell, which a real engine does at each start and end."""

    def __init__(self, rig, target, since=None):
        self.stream, self.target, self.found = rig.backend.events(since), target, []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        self.found += []
        for event in self.stream:
            if event.id == self.target and event.action not in NETWORK:
                self.found.append(event)

    def actions(self):
        return [e.action for e in self.found]


def test_the_events_of_a_persons_doings(rig, name):
    target = rig.run(name)
    reader = Reader(rig, target)
    rig.human("restart", name)
    until(lambda: "restart" in reader.actions(), rig.settle)
    assert reader.actions() in (
        ["kill", "die", "stop", "start", "restart"],
        ["kill", "stop", "die", "start", "restart"],
    )
    assert reader.found[0].detail == "SIGTERM"
    assert all(e.name == name for e in reader.found)
    rig.human("kill", name, "SIGHUP")
    until(lambda: reader.found[-1].detail == "SIGHUP", rig.settle)
    rig.human("pause", name)
    rig.human("unpause", name)
    rig.human("rename", name, f"{name}-b")
    rig.human("rm", f"{name}-b")
    until(lambda: "destroy" in reader.actions(), rig.settle)
    assert [a for a in reader.actions()[6:] if a not in ("kill", "die")] == ["pause", "unpause", "rename", "destroy"]
    reader.stream.close()
    reader.thread.join(2)
    assert not reader.thread.is_alive()


def test_a_crash_has_no_kill(rig, name):
    target = rig.run(name)
    reader = Reader(rig, target)
    rig.crash(name)
    until(lambda: "die" in reader.actions(), rig.settle)
    assert reader.actions() == ["die"]
    assert reader.found[0].detail == "137"
    assert reader.found[0].at >= rig.backend.inspect(target).finished_at - 0.001
    reader.stream.close()


def test_what_was_said_before_is_replayed(rig, name):
    before = time.time()
    target = rig.run(name)
    rig.human("stop", name)
    stream = rig.backend.events(before - 1)
    assert stream.backlog > 0
    replayed = [next(stream) for _ in range(stream.backlog)]
    actions = [e.action for e in replayed if e.id == target and e.action not in NETWORK]
    assert actions[:2] == ["create", "start"]
    assert set(actions[2:]) == {"kill", "die", "stop"}
    assert stream.whole_since <= time.time()
    stream.close()


def test_the_engines_own_restarts_are_counted(rig, name):
    target = rig.crash_loop(name)
    until(lambda: rig.backend.inspect(target).restarts >= 3, rig.settle)
    rig.human("stop", name)
    assert rig.backend.inspect(target).state is State.EXITED


def test_gone_from_the_list(rig, name):
    rig.run(name)
    assert name in mine(rig)
    rig.human("rm", name)
    assert name not in mine(rig)


def test_what_was_run_with_rm_says_so_and_is_gone_once_it_stops(rig, name):
    """Why the verbs refuse it: stopping it is losing it."""
    target = rig.run_passing(name)
    assert rig.backend.inspect(target).auto_remove
    assert mine(rig)[name].auto_remove
    rig.human("stop", name)
    until(lambda: name not in mine(rig), rig.settle)
