"""The World follows the engine, synchronously, over hours of fake time."""

from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.model import EndedBy, Health, HealthCheck, State
from paramedic_core.world import Acting, EngineStatus
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.stepped import Stepped
from paramedic_runtime.store import BookStore

CHECK = HealthCheck(interval=2, retries=3)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def engine(clock):
    return MemoryBackend(clock)


@pytest.fixture
def run(engine, clock):
    return Stepped(engine, clock)


def test_unhealthy_and_back(run, engine, clock):
    web = engine.add("web", health_check=CHECK)
    first = run.step()
    assert first.engine.connected
    assert first.containers[web].health is Health.HEALTHY
    clock.advance(100)
    engine.fail_health(web)
    seen = run.step().containers[web]
    assert (seen.health, seen.health_since) == (Health.UNHEALTHY, pytest.approx(clock.now(), abs=0.01))
    clock.advance(1)
    engine.human_restart(web)
    seen = run.step().containers[web]
    assert (seen.health, seen.health_since) == (Health.STARTING, seen.started_at)
    assert seen.ending is not None
    assert seen.ending.by is EndedBy.SOMEONE
    assert len(seen.starts) == 2


@pytest.mark.parametrize("stop_first", [False, True])
def test_who_ended_it(clock, stop_first):
    engine = MemoryBackend(clock, stop_first=stop_first)
    run = Stepped(engine, clock)
    crashed, stopped, killed, ours = (engine.add(n) for n in ("crashed", "stopped", "killed", "ours"))
    run.step()
    clock.advance(60)
    engine.crash(crashed)
    engine.human_stop(stopped)
    engine.human_kill(killed)
    run.publisher.update(lambda w: _acting(w, {ours: Acting("stop", "k", clock.now())}))
    engine.stop(ours, 10)
    run.publisher.update(lambda w: _acting(w, {}))
    world = run.step()
    by = {c.name: c.ending.by for c in world.containers.values() if c.ending}
    assert by == {
        "crashed": EndedBy.NOBODY,
        "stopped": EndedBy.SOMEONE,
        "killed": EndedBy.SOMEONE,
        "ours": EndedBy.US,
    }
    assert all(c.ending.at == c.finished_at for c in world.containers.values())
    engine.human_start(ours)
    clock.advance(1)
    engine.human_stop(ours)
    assert run.step().containers[ours].ending.by is EndedBy.SOMEONE


def _acting(world, acting):
    from dataclasses import replace

    return replace(world, acting=acting)


def test_what_was_down_before_the_first_look_was_seen_by_nobody(run, engine, clock):
    old = engine.add("old")
    clock.advance(1)
    engine.crash(old)
    clock.advance(3600)
    assert run.step().containers[old].ending.by is EndedBy.UNKNOWN


def test_the_engines_replay_is_a_witness_for_a_short_absence(run, engine, clock):
    web, db = engine.add("web"), engine.add("db")
    run.step()
    clock.advance(100)
    run.step()
    engine.away(True)
    assert run.step().engine.status is EngineStatus.AWAY
    clock.advance(40)
    engine.crash(web)
    engine.human_stop(db)
    clock.advance(40)
    engine.away(False)
    world = run.step()
    assert world.engine.connected
    assert world.containers[web].ending.by is EndedBy.NOBODY
    assert world.containers[db].ending.by is EndedBy.SOMEONE


def test_a_history_that_ran_over_is_no_witness(run, engine, clock):
    web, noisy = engine.add("web"), engine.add("noisy")
    run.step()
    engine.away(True)
    run.step()
    clock.advance(10)
    engine.human_kill(web)
    for _ in range(300):
        clock.advance(0.1)
        engine.human_kill(noisy, "SIGHUP")
    engine.away(False)
    assert run.step().containers[web].ending.by is EndedBy.UNKNOWN


def test_a_restart_of_the_engine_ends_runs_unseen(run, engine, clock):
    kept, lost = engine.add("kept", restart_policy="always"), engine.add("lost")
    run.step()
    clock.advance(50)
    engine.daemon_restart(down=5)
    assert not run.step().engine.connected
    clock.advance(6)
    world = run.step()
    assert world.containers[lost].ending.by is EndedBy.UNKNOWN
    assert world.containers[kept].running
    assert world.engine.since == clock.now()


def test_a_crash_loop_has_its_starts(run, engine, clock):
    web = engine.add("web", restart_policy="always")
    run.step()
    engine.crash_loop(web, after=0.2)
    for _ in range(200):
        clock.advance(0.1)
        run.step()
    seen = run.world.containers[web]
    assert seen.restarts == 7
    assert len(seen.starts) == 8
    assert seen.ending.by is EndedBy.NOBODY


def test_lost_events_are_made_good_by_the_next_list(run, engine, clock):
    web = engine.add("web", health_check=CHECK)
    run.step()
    engine.lose_events(lambda _event: True)
    engine.fail_health(web)
    assert run.step().containers[web].health is Health.HEALTHY
    clock.advance(30)
    assert run.step().containers[web].health is Health.UNHEALTHY
    engine.crash(web)
    clock.advance(30)
    seen = run.step().containers[web]
    assert (seen.state, seen.ending.by) == (State.EXITED, EndedBy.UNKNOWN)


def test_destroyed_and_recreated(run, engine):
    web = engine.add("web")
    run.step()
    new = engine.recreate(web)
    assert set(run.step().containers) == {new}
    engine.destroy(new)
    assert run.step().containers == {}


class TestAcrossOurOwnRestart:
    @pytest.fixture
    def start(self, engine, clock, tmp_path):
        return lambda: Stepped(engine, clock, store=BookStore(tmp_path / "endings.json", clock))

    def test_endings_are_kept(self, start, engine, clock):
        web, db = engine.add("web"), engine.add("db")
        run = start()
        run.step()
        clock.advance(60)
        engine.crash(web)
        engine.human_stop(db)
        run.step()
        clock.advance(7200)
        run.step()
        for _ in range(3):
            run = start()
            world = run.step()
            assert world.containers[web].ending.by is EndedBy.NOBODY
            assert world.containers[db].ending.by is EndedBy.SOMEONE
            clock.advance(600)

    def test_what_happened_meanwhile_is_replayed(self, start, engine, clock):
        web, db, gone = engine.add("web"), engine.add("db"), engine.add("gone")
        run = start()
        run.step()
        clock.advance(60)
        run.step()
        before = run.world.containers[web].starts
        clock.advance(5)
        engine.crash(web)
        engine.human_stop(db)
        engine.destroy(gone)
        clock.advance(20)
        world = start().step()
        assert world.containers[web].ending.by is EndedBy.NOBODY
        assert world.containers[web].starts == before
        assert world.containers[db].ending.by is EndedBy.SOMEONE

    def test_a_stop_that_spans_our_restart_is_still_a_stop(self, start, engine, clock):
        web = engine.add("web")
        engine.change(web, stop_timeout=10.0)
        run = start()
        run.step()
        clock.advance(100)
        engine._hub.say(clock.now(), "kill", web, "web", "SIGTERM")
        run.step()
        clock.advance(1)
        run.step()
        run = start()
        run.step()
        clock.advance(5)
        engine.crash(web, 1)
        assert run.step().containers[web].ending.by is EndedBy.SOMEONE

    def test_quiet_hours_write_nothing(self, start, engine, clock):
        engine.add("web", health_check=CHECK)
        store_run = start()
        store_run.step()
        store = store_run.keeper._store
        clock.advance(10)
        store_run.step()
        writes = store.writes
        for _ in range(240):
            clock.advance(30)
            store_run.step()
        assert store.writes == writes

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"containers": 1}', b'{"containers":{"a":{"ending":5}}}'])
    def test_a_broken_file_costs_only_the_memory(self, start, engine, tmp_path, content):
        web = engine.add("web")
        (tmp_path / "endings.json").write_bytes(content)
        assert start().step().containers[web].running

    def test_a_file_that_cannot_be_written_is_said(self, engine, clock, tmp_path):
        web = engine.add("web")
        store = BookStore(tmp_path / "nowhere" / "endings.json", clock)
        run = Stepped(engine, clock, store=store)
        run.step()
        engine.crash(web)
        assert run.step().containers[web].ending.by is EndedBy.NOBODY
        assert "cannot be written" in store.trouble


def test_a_persons_stop_right_after_our_restart_does_not_pass_for_ours_though_nothing_told_of_it(run, engine, clock):
    web = engine.add("web")
    run.step()
    clock.advance(100)
    mark = Acting("restart", "k", clock.now())
    run.publisher.update(lambda w: replace(w, acting={web: mark}))
    engine.restart(web, 3)
    run.publisher.update(lambda w: replace(w, acting={}))
    engine.lose_events(lambda _event: True)
    clock.advance(0.01)
    engine.human_stop(web)
    clock.advance(31)
    seen = run.step().containers[web]
    assert (seen.state, seen.ending.by) == (State.EXITED, EndedBy.UNKNOWN)


def test_what_has_ended_is_asked_to_stop_no_more_though_its_start_was_never_told(run, engine, clock):
    web = engine.add("web")
    run.step()
    clock.advance(100)
    engine.cut()
    engine.human_restart(web)
    engine.daemon_restart(down=1.0, live=True)
    clock.advance(1.5)
    engine.human_stop(web)
    for _ in range(3):
        clock.advance(31)
        run.step()
    seen = run.world.containers[web]
    assert (seen.state, seen.ending.by, seen.stop_asked) == (State.EXITED, EndedBy.SOMEONE, 0.0)
