"""Many callers at once, with real threads and a real clock."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.errors import Conflict, ParamedicError, Refused, Temporary
from paramedic_runtime.acts import Status
from paramedic_runtime.verbs import MOST_AT_ONCE
from support_hands import Rig
from support_wait import wait_until

LEAVE = {"paramedic.heal": "true"}


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path, SystemClock())
    yield rig
    rig.acts.close()


def hold(rig: Rig) -> tuple[threading.Event, list[str]]:
    """Make restarts wait; returns what lets them go, and the targets that have begun."""
    gate, begun, real = threading.Event(), [], rig.backend.restart

    def restart(target, timeout):
        begun.append(target)
        assert gate.wait(20)
        real(target, timeout)

    rig.backend.restart = restart
    return gate, begun


def test_one_key_from_many_threads_is_one_act(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    gate, begun = hold(rig)
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(rig.wish, web, key="k1")
        wait_until(lambda: begun)
        others = [pool.submit(rig.wish, web, key="k1") for _ in range(11)]
        gate.set()
        acts = [f.result(20) for f in [first, *others]]
    assert {(a.seq, a.status) for a in acts} == {(1, Status.DONE)}
    assert len(rig.backend.acts) == 1


def test_one_key_in_a_race_is_one_act(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    for turn in range(5):
        barrier = threading.Barrier(8)

        def race(turn=turn, barrier=barrier):
            barrier.wait(10)
            try:
                return rig.wish(web, key=f"k{turn}").seq
            except Conflict:
                return None

        with ThreadPoolExecutor(8) as pool:
            found = {f.result(20) for f in [pool.submit(race) for _ in range(8)]}
        assert found - {None} == {turn + 1}
    assert len(rig.backend.acts) == 5


def test_one_act_in_flight_a_target(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    gate, begun = hold(rig)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(rig.wish, web, key="k1")
        wait_until(lambda: begun)
        with pytest.raises(Conflict, match="under way"):
            rig.wish(web, key="k2")
        gate.set()
        assert first.result(20).status is Status.DONE
    assert begun == [web]


def test_targets_act_side_by_side_up_to_a_bound(rig):
    targets = [rig.backend.add(f"web{n}", labels=LEAVE) for n in range(MOST_AT_ONCE + 1)]
    rig.look()
    gate, begun = hold(rig)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        running = [pool.submit(rig.wish, t) for t in targets[:-1]]
        wait_until(lambda: len(begun) == MOST_AT_ONCE)
        assert len(rig.worlds.world.acting) == MOST_AT_ONCE
        with pytest.raises(Temporary, match="at once"):
            rig.wish(targets[-1])
        gate.set()
        assert {f.result(20).status for f in running} == {Status.DONE}
    assert rig.wish(targets[-1]).status is Status.DONE
    assert not rig.worlds.world.acting


def test_the_hosts_last_places_go_to_no_more_than_there_are(rig):
    targets = [rig.backend.add(f"web{n}", labels=LEAVE) for n in range(40)]
    rig.look()

    def ask(target):
        while True:
            try:
                return rig.wish(target).status
            except Refused as error:
                return error.code
            except ParamedicError:
                threading.Event().wait(0.01)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, targets))
    assert found.count(Status.DONE) == 30
    assert found.count("ceiling_host") == 10
    assert len(rig.backend.acts) == 30
