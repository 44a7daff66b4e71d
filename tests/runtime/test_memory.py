"""The in-memory engine behaves as the real one does where a healer would notice."""

import itertools

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.errors import EngineAway, NotFound, Permanent
from paramedic_core.model import Health, HealthCheck, State
from paramedic_runtime.memory import MemoryBackend

CHECK = HealthCheck(interval=2, retries=3)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def engine(clock):
    return MemoryBackend(clock)


def told(engine, *actions):
    return [(e.action, e.detail) for e in engine.log if not actions or e.action in actions]


def test_a_restart_cures_what_one_restart_cures(engine, clock):
    web = engine.add("web", health_check=CHECK)
    engine.fail_health(web)
    assert engine.inspect(web).health is Health.UNHEALTHY
    engine.restart(web, 10)
    assert engine.inspect(web).health is Health.STARTING
    clock.advance(1)
    assert engine.inspect(web).health is Health.HEALTHY
    assert [e.action for e in engine.acts] == ["restart"]


def test_what_no_restart_cures_is_unhealthy_again_after_retries_times_interval(engine, clock):
    web = engine.add("web", health_check=CHECK)
    engine.fail_health(web, cured_by=None)
    engine.restart(web, 10)
    clock.advance(5.9)
    assert engine.inspect(web).health is Health.STARTING
    clock.advance(0.2)
    assert engine.inspect(web).health is Health.UNHEALTHY


def test_the_events_of_a_restart_in_both_orders(clock):
    old, new = MemoryBackend(clock), MemoryBackend(clock, stop_first=True)
    for engine, order in ((old, ["kill", "die", "stop"]), (new, ["kill", "stop", "die"])):
        web = engine.add("web")
        engine.human_restart(web)
        assert [a for a, _ in told(engine)] == ["create", "start", *order, "start", "restart"]


def test_what_hears_no_sigterm_is_killed_after_the_stop_timeout(engine, clock):
    web = engine.add("web", health_check=CHECK)
    engine.hang(web)
    clock.advance(6)
    assert engine.inspect(web).health is Health.UNHEALTHY
    before = clock.now()
    engine.restart(web, 10)
    assert clock.now() - before == pytest.approx(10)
    assert told(engine, "kill", "die") == [("kill", "SIGTERM"), ("kill", "SIGKILL"), ("die", "137")]


def test_the_engines_own_backoff_doubles_to_a_minute(engine, clock):
    web = engine.add("web", restart_policy="always")
    engine.crash_loop(web, after=0)
    clock.advance(300)
    engine.tick()
    starts = [e.at for e in engine.log if e.action == "start"]
    gaps = [round(b - a, 1) for a, b in itertools.pairwise(starts)]
    assert gaps[:10] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2]
    assert gaps[10:] == [60.0, 60.0, 60.0]
    assert engine.inspect(web).restarts == 13
    assert engine.inspect(web).state is State.RESTARTING


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure"])
def test_a_persons_stop_holds_against_every_policy(engine, clock, policy):
    web = engine.add("web", restart_policy=policy)
    engine.human_stop(web)
    clock.advance(600)
    assert engine.inspect(web).state is State.EXITED
    assert engine.acts == []


def test_on_failure_with_retries_gives_up(engine, clock):
    web = engine.add("web", restart_policy="on-failure", restart_retries=3)
    engine.crash_loop(web, after=0)
    clock.advance(600)
    assert engine.inspect(web).state is State.EXITED
    assert engine.inspect(web).restarts == 3


def test_a_hup_ends_nothing(engine):
    web = engine.add("web")
    engine.kill(web, "SIGHUP")
    assert engine.inspect(web).running
    engine.kill(web, "SIGKILL")
    assert engine.inspect(web).exit_code == 137
    with pytest.raises(Permanent):
        engine.kill(web, "SIGKILL")


def test_away_and_back_with_replay(engine, clock):
    web = engine.add("web")
    stream = engine.events()
    since = clock.now()
    engine.away(True)
    with pytest.raises(EngineAway):
        stream.drain()
    with pytest.raises(EngineAway):
        engine.containers()
    clock.advance(5)
    engine.crash(web)
    engine.away(False)
    assert [e.action for e in engine.events(since).drain()] == ["create", "start", "die"]


def test_a_restart_of_the_daemon_ends_containers_unseen(engine, clock):
    kept = engine.add("kept", restart_policy="always")
    lost = engine.add("lost")
    engine.daemon_restart(down=2)
    clock.advance(3)
    assert engine.inspect(kept).running
    assert engine.inspect(lost).state is State.EXITED
    assert [e.action for e in engine.events(0).drain()] == ["start"]


def test_slow_failing_and_half_done_calls(engine, clock):
    web = engine.add("web")
    engine.slow("inspect", 3)
    before = clock.now()
    engine.inspect(web)
    assert clock.now() - before == 3
    engine.fail("restart", EngineAway("lost"), done=True)
    with pytest.raises(EngineAway):
        engine.restart(web, 10)
    assert [e.action for e in engine.acts] == ["restart"]
    engine.restart(web, 10)
    with pytest.raises(NotFound):
        engine.inspect("nothing")


def test_a_reader_that_does_not_keep_up_loses_events(engine):
    web = engine.add("web")
    stream = engine.events()
    for _ in range(600):
        engine.human_kill(web, "SIGHUP")
        engine.pause(web)
    assert stream.dropped == 1200 - 1024
    assert len(stream.drain()) == 1024


def test_recreated_and_destroyed(engine):
    web = engine.add("web", labels={"a": "b"})
    new = engine.recreate(web)
    assert new != web
    assert engine.inspect("web").id == new
    assert engine.inspect(new).labels == {"a": "b"}
    engine.destroy(new)
    assert engine.containers() == []
