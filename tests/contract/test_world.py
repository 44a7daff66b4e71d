"""What every backend's World tells, through the real watch."""

import time
from dataclasses import replace

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.model import EndedBy, Health, State
from paramedic_core.world import Acting
from paramedic_runtime.keeper import WorldKeeper
from paramedic_runtime.publish import Publisher
from paramedic_runtime.store import BookStore
from paramedic_runtime.watch import Watch
from support_rigs import until


class Followed:
    """A rig with a watch on it."""

    def __init__(self, rig, folder, resync=60.0):
        clock = SystemClock()
        self.rig = rig
        self.publisher = Publisher("host1", clock)
        keeper = WorldKeeper(rig.backend, self.publisher, clock, BookStore(folder / "endings.json", clock))
        self.watch = Watch(keeper, clock, resync=resync)
        self.watch.start()
        until(lambda: self.watch.ready().ready, 60)

    def see(self, target, true):
        """The container in World, once that is true of it."""
        return until(
            lambda: (c := self.publisher.world.containers.get(target)) and true(c) and c, self.rig.settle, every=0.005
        )


@pytest.fixture
def followed(rig, tmp_path):
    found = Followed(rig, tmp_path)
    yield found
    found.watch.stop()


def test_a_new_container_is_seen_and_a_gone_one_is_not(rig, followed, name):
    target = rig.run(name)
    followed.see(target, lambda c: c.running)
    rig.human("rename", name, f"{name}-b")
    followed.see(target, lambda c: c.name == f"{name}-b")
    rig.human("rm", f"{name}-b")
    until(lambda: target not in followed.publisher.world.containers, rig.settle)


@pytest.mark.parametrize(
    ("how", "by", "signal"),
    [
        ("crash", EndedBy.NOBODY, ""),
        ("stop", EndedBy.SOMEONE, "SIGTERM"),
        ("kill", EndedBy.SOMEONE, "SIGKILL"),
        ("ours", EndedBy.US, "SIGTERM"),
    ],
)
def test_who_ended_it(rig, followed, name, how, by, signal):
    target = rig.run(name)
    followed.see(target, lambda c: c.running)
    update = followed.publisher.update
    if how == "crash":
        rig.crash(name)
    elif how == "ours":
        update(lambda w: replace(w, acting={target: Acting("stop", "k", time.time())}))
        rig.backend.stop(target, 5)
        update(lambda w: replace(w, acting={}))
    else:
        rig.human(how, name)
    seen = followed.see(target, lambda c: c.state is State.EXITED and c.ending.by is by)
    assert (seen.ending.by, seen.ending.signal) == (by, signal)
    assert seen.ending.at == seen.finished_at


def test_health_and_since_when(rig, followed, name):
    target = rig.run(name, check=True)
    followed.see(target, lambda c: c.health is Health.HEALTHY)
    before = time.time()
    rig.fail_health(name)
    sick = followed.see(target, lambda c: c.health is Health.UNHEALTHY)
    assert before <= sick.health_since <= time.time()
    rig.human("restart", name)
    well = followed.see(target, lambda c: c.health is Health.HEALTHY and c.started_at > sick.started_at)
    assert well.health_since >= well.started_at
    assert well.ending.by is EndedBy.SOMEONE


def test_a_restart_by_a_person_ends_running(rig, followed, name):
    target = rig.run(name)
    first = followed.see(target, lambda c: c.running)
    rig.human("restart", name)
    second = followed.see(target, lambda c: c.running and c.started_at > first.started_at)
    assert len(second.starts) == 2
    assert second.ending.by is EndedBy.SOMEONE


def test_a_crash_loop_shows_its_starts(rig, followed, name):
    target = rig.crash_loop(name)
    seen = followed.see(target, lambda c: c.restarts >= 4)
    assert len(seen.starts) >= 4
    assert seen.ending.by is EndedBy.NOBODY


def test_what_ended_while_we_were_not_there(rig, followed, name, tmp_path):
    crashed, stopped = rig.run(f"{name}-a"), rig.run(f"{name}-b")
    followed.see(crashed, lambda c: c.running)
    followed.see(stopped, lambda c: c.running)
    followed.watch.stop()
    rig.crash(f"{name}-a")
    rig.human("stop", f"{name}-b")
    again = Followed(rig, tmp_path)
    try:
        assert again.see(crashed, lambda c: c.state is State.EXITED).ending.by is EndedBy.NOBODY
        assert again.see(stopped, lambda c: c.state is State.EXITED).ending.by is EndedBy.SOMEONE
    finally:
        again.watch.stop()


def test_a_network_left_and_joined_is_seen_without_a_list(rig, tmp_path, name):
    network = f"{name}-net"
    target = rig.run_on(name, network)
    followed = Followed(rig, tmp_path, resync=3600.0)
    try:
        first = followed.see(target, lambda c: c.running and c.endpoints)
        assert [e.network for e in first.endpoints if e.address] == [network]
        rig.leave(name, network)
        followed.see(target, lambda c: not c.endpoints)
        rig.join(name, network)
        again = followed.see(target, lambda c: c.endpoints and c.endpoints[0].address)
        assert [e.network for e in again.endpoints] == [network]
        assert (again.started_at, again.ending, again.starts) == (first.started_at, first.ending, first.starts)
    finally:
        followed.watch.stop()
