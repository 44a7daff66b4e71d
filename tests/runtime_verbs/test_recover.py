"""What becomes of an intent whose runtime died, by what the engine shows."""

import threading
from dataclasses import replace

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.errors import Conflict, EngineAway
from paramedic_core.model import Container, State
from paramedic_runtime.acts import Act, Status
from paramedic_runtime.base import Event
from paramedic_runtime.recover import MARGIN, SETTLE, Evidence, verdict
from support_hands import Rig
from support_wait import wait_until

LEAVE = {"paramedic.heal": "true"}
ID = "a" * 64
RESTART = Act(
    "k", "h1", ID, "web", "web", "restart", expected={"state": "running", "started_at": 100.0}, intent_at=200.0
)
RUNNING = Container(ID, "web", State.RUNNING, started_at=100.0)
EXITED = replace(RUNNING, state=State.EXITED, finished_at=201.0)
KILL = Event(200.5, "kill", ID, detail="SIGTERM")


@pytest.mark.parametrize(
    ("container", "events", "complete", "watched", "status"),
    [
        (replace(RUNNING, started_at=203.0), [], True, 0.0, Status.DONE),
        (RUNNING, [], True, 0.0, None),
        (RUNNING, [], True, SETTLE, Status.LOST),
        (RUNNING, [replace(KILL, at=199.0)], True, SETTLE, Status.LOST),
        (RUNNING, [KILL], True, SETTLE, None),
        (RUNNING, [], False, SETTLE, None),
        (RUNNING, [], False, 10.0 + MARGIN, Status.LOST),
        (RUNNING, [KILL], True, 10.0 + MARGIN, Status.FAILED),
        (EXITED, [], True, SETTLE, None),
        (EXITED, [KILL], True, MARGIN - 1, None),
        (EXITED, [KILL], True, MARGIN, Status.FAILED),
        (EXITED, [], False, MARGIN, Status.FAILED),
        (replace(RUNNING, stop_timeout=60.0), [KILL], True, 60.0, None),
        (None, [], True, 0.0, None),
        (None, [], True, SETTLE, Status.LOST),
        (None, [KILL], True, SETTLE, Status.FAILED),
    ],
)
def test_verdict_on_a_restart(container, events, complete, watched, status):
    found = verdict(RESTART, Evidence(container, events, complete, watched))
    assert (found and found[0]) == status


@pytest.mark.parametrize(
    ("verb", "container", "events", "status"),
    [
        ("stop", EXITED, [KILL], Status.DONE),
        ("stop", RUNNING, [], Status.LOST),
        ("stop", RUNNING, [KILL], None),
        ("kill", RUNNING, [KILL], Status.DONE),
        ("kill", RUNNING, [], Status.LOST),
        ("kill", EXITED, [], Status.DONE),
        ("start", replace(EXITED, finished_at=90.0), [], Status.LOST),
        ("start", replace(RUNNING, started_at=201.0), [], Status.DONE),
    ],
)
def test_verdict_on_the_other_verbs(verb, container, events, status):
    found = verdict(replace(RESTART, verb=verb), Evidence(container, events, complete=True, watched=SETTLE))
    assert (found and found[0]) == status


class Died(BaseException):
    """Stands for kill -9: nothing of ours runs after it."""


@pytest.fixture
def lives(tmp_path):
    rig = Rig(tmp_path)
    made = [rig]

    def again():
        made.append(made[-1].again())
        return made[-1]

    yield rig, again
    made[-1].acts.close()


def settle(rig: Rig) -> None:
    for _ in range(200):
        if not rig.recover.step():
            return
        rig.clock.advance(0.5)
    raise AssertionError("never settled")


@pytest.mark.parametrize("done", [True, False])
def test_an_answer_that_was_lost_is_found_out(lives, done):
    rig, _ = lives
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    rig.clock.advance(5)
    rig.backend.fail("restart", EngineAway("cut"), done=done)
    assert rig.wish(web, key="k1").status is Status.INTENT
    assert rig.worlds.world.acting[web].key == "k1"
    with pytest.raises(Conflict, match="not known yet"):
        rig.wish(web, key="k2")
    assert rig.wish(web, key="k1").status is Status.INTENT
    settle(rig)
    assert rig.acts.find("k1").status is (Status.DONE if done else Status.LOST)
    assert not rig.worlds.world.acting
    assert rig.wish(web, key="k3").status is Status.DONE
    assert len(rig.backend.acts) == (2 if done else 1)


def test_the_thread_finds_out_by_itself_and_at_once(tmp_path):
    rig = Rig(tmp_path, SystemClock())
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    rig.recover.start()
    rig.clock.wait(threading.Event(), 0.05)
    rig.backend.fail("restart", EngineAway("cut"), done=True)
    assert rig.wish(web, key="k1").status is Status.INTENT
    wait_until(lambda: rig.acts.find("k1").status is Status.DONE, within=20)
    rig.backend.fail("inspect", EngineAway("still away"), times=3)
    assert rig.recover.ready().ready
    assert rig.recover.healthy().ready
    rig.recover.stop()
    rig.acts.close()


def test_the_next_life_settles_what_the_last_one_left(lives):
    rig, again = lives
    web, db = rig.backend.add("web", labels=LEAVE), rig.backend.add("db", labels=LEAVE)
    rig.look()
    rig.clock.advance(5)
    rig.backend.fail("restart", Died(), done=True)
    with pytest.raises(Died):
        rig.wish(web, key="k1")
    rig.backend.fail("restart", Died())
    with pytest.raises(Died):
        rig.wish(db, key="k2")
    rig = again()
    assert {a.key for a in rig.acts.unresolved()} == {"k1", "k2"}
    rig.backend.fail("inspect", EngineAway("still starting"))
    with pytest.raises(EngineAway):
        rig.recover.step()
    settle(rig)
    assert {a.key: a.status for a in rig.acts.after(0)} == {"k1": Status.DONE, "k2": Status.LOST}
    assert len(rig.backend.acts) == 1


def test_an_act_in_these_hands_is_nobody_elses_to_settle(lives):
    rig, _ = lives
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    call, seen = rig.backend.restart, []

    def restart(target, timeout):
        seen.append(rig.recover.step())
        rig.clock.advance(3600)
        seen.append(rig.recover.step())
        call(target, timeout)

    rig.backend.restart = restart
    assert rig.wish(web).status is Status.DONE
    assert seen == [0, 0]
