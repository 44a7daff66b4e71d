"""Every reason for which a verb says no; and that it then leaves no trace on the engine or in the record."""

import os
from dataclasses import replace

import pytest

from paramedic_core.errors import BadInput, Conflict, EngineAway, NotFound, ParamedicError, Permanent, Refused
from paramedic_core.limits import Window
from paramedic_core.model import SWARM_TASK, Health, HealthCheck
from paramedic_core.settings import HealerSettings, Mode, RuntimeSettings, Settings
from paramedic_runtime.acts import Status
from paramedic_runtime.wish import read_wish
from support_hands import Rig

LEAVE = {"paramedic.heal": "true"}


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.acts.close()


def refused(rig: Rig, code: str, target: str, verb: str = "restart", **more: object) -> str:
    before, recorded = len(rig.backend.acts), len(rig.acts.after(0))
    with pytest.raises(Refused) as caught:
        rig.wish(target, verb, **more)
    assert caught.value.code == code
    assert len(rig.backend.acts) == before
    assert len(rig.acts.after(0)) == recorded
    assert rig.counters.get("paramedic_acts_refused_total", code=code) >= 1
    assert not rig.worlds.world.acting
    return str(caught.value)


@pytest.mark.parametrize("verb", ["restart", "stop", "kill", "start"])
def test_with_leave_each_verb_acts_once_and_is_recorded(rig, verb):
    web = rig.backend.add("web", labels=LEAVE, running=verb != "start")
    rig.look()
    act = rig.wish(web, verb, key="k1", incident="i1", reason="because")
    assert act.status is Status.DONE
    assert [e.action for e in rig.backend.acts] == [verb]
    kept = rig.acts.find("k1")
    assert kept == act
    assert (kept.incident, kept.reason, kept.by, kept.service, kept.host) == ("i1", "because", "healer", "web", "h1")
    marked = [dict(w.acting) for w in rig.worlds.seen if w.acting]
    assert marked
    assert marked[0][web].verb == verb
    assert not rig.worlds.world.acting


def test_the_same_key_answers_the_record_and_never_acts_again(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    first = rig.wish(web, key="k1")
    rig.freeze.freeze("me", "stop")
    assert rig.wish(web, key="k1") == first
    rig = rig.again()
    assert rig.wish(web, key="k1") == first
    assert len(rig.backend.acts) == 1
    with pytest.raises(BadInput, match="every act needs its own"):
        rig.wish(web, "stop", key="k1")
    rig.acts.close()


@pytest.mark.parametrize("make", ["touch", "mkdir", "dangling", "pipe"])
def test_frozen(rig, make):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    if make == "touch":
        rig.freeze.path.touch()
    elif make == "mkdir":
        rig.freeze.path.mkdir()
    elif make == "pipe":
        os.mkfifo(rig.freeze.path)
    else:
        os.symlink("/nowhere", rig.freeze.path)
    assert "FREEZE" in refused(rig, "frozen", web)
    rig.look()
    assert rig.worlds.world.hands.frozen
    assert rig.hands.ready().ready


def test_frozen_between_intent_and_act(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    looks = iter([False, True])
    rig.freeze.on = lambda: next(looks)
    act = rig.wish(web)
    assert act.status is Status.REFUSED
    assert not rig.backend.acts


def test_itself(rig):
    refused(rig, "is_self", rig.backend.add("paramedic", labels=LEAVE, is_self=True))


def test_swarm_task(rig):
    refused(rig, "swarm_task", rig.backend.add("task", labels=LEAVE | {SWARM_TASK: "t1"}))


@pytest.mark.parametrize("verb", ["restart", "start", "stop", "kill"])
@pytest.mark.parametrize("watched", [True, False])
def test_what_the_engine_would_remove(rig, verb, watched):
    target = rig.backend.add("passing", labels=LEAVE, auto_remove=True)
    if watched:
        rig.look()
    assert "run it without --rm" in refused(rig, "auto_remove", target, verb)
    assert rig.backend.inspect(target).running


@pytest.mark.parametrize("watched", [True, False])
def test_shared_network(rig, watched):
    owner = rig.backend.add("vpn", labels=LEAVE)
    side = rig.backend.add("side", labels=LEAVE, network_mode=f"container:{owner}")
    if watched:
        rig.look()
    assert "side" in refused(rig, "shared_network", owner)
    assert rig.wish(side).status is Status.DONE
    rig.backend.human_stop(side)
    rig.look()
    assert rig.wish(owner).status is Status.DONE


def test_leave_is_judged_from_runtimes_own_configuration_grants_and_labels(rig):
    plain, image = rig.backend.add("plain"), rig.backend.add("image", labels=LEAVE, image_labels=("paramedic.heal",))
    rig.look()
    assert "paramedic heal enable plain" in refused(rig, "no_leave", plain)
    refused(rig, "no_leave", image)
    rig.grants.give("plain", Mode.ENFORCE, "me")
    assert rig.wish(plain).status is Status.DONE
    rig.grants.give("plain", Mode.APPROVE, "me")
    assert "approval by a person is not there yet" in refused(rig, "no_leave", plain)
    rig = rig.again(settings=Settings(healer=HealerSettings(services={"plain": Mode.ENFORCE})))
    assert rig.wish(plain).status is Status.DONE
    rig = rig.again(settings=Settings(healer=HealerSettings(services={"plain": Mode.ENFORCE}, max=Mode.OBSERVE)))
    assert "healer.max" in refused(rig, "no_leave", plain)


def test_expected_state(rig):
    web = rig.backend.add("web", labels=LEAVE, health_check=HealthCheck())
    rig.look()
    seen = rig.backend.inspect(web)
    good = {"state": "running", "started_at": seen.started_at}
    for wrong in (
        good | {"state": "exited"},
        good | {"started_at": seen.started_at + 0.0011},
        good | {"started_at": 0},
        good | {"health": "unhealthy"},
    ):
        with pytest.raises(Conflict, match="not as expected"):
            rig.verbs.perform(
                read_wish("restart", {"target": web, "key": f"k{wrong}".replace(" ", ""), "expected": wrong}, "healer")
            )
    assert not rig.backend.acts
    assert (
        rig.wish(web, expected=good | {"started_at": seen.started_at + 0.0009, "health": "healthy"}).status
        is Status.DONE
    )


def test_what_the_engine_has_started_again_itself_is_as_expected_and_what_a_person_started_is_not(rig):
    loop = rig.backend.add("loop", labels=LEAVE, restart_policy="always")
    rig.look()
    expected = {"state": "restarting", "started_at": rig.backend.inspect(loop).started_at - 5.0, "health": "none"}
    with pytest.raises(Conflict, match="it is running, not restarting"):
        rig.wish(loop, key="k1", expected=expected)
    assert not rig.backend.acts
    rig.backend.change(loop, restarts=4)
    rig.backend.change(loop, health=Health.HEALTHY)
    with pytest.raises(Conflict, match="in no loop any more"):
        rig.wish(loop, key="k4", expected=expected)
    rig.backend.change(loop, health=Health.NONE, started_at=rig.clock.now() - rig.settings.healer.verified_after)
    with pytest.raises(Conflict, match="in no loop any more"):
        rig.wish(loop, key="k5", expected=expected)
    assert not rig.backend.acts
    rig.backend.change(loop, started_at=rig.clock.now() - 1.0)
    assert rig.wish(loop, key="k2", expected=expected).status is Status.DONE
    rig.backend.stop(loop, 1.0)
    with pytest.raises(Conflict, match="it is exited, not restarting"):
        rig.wish(loop, key="k3", expected=expected)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "evil"}, "and not image"),
        ({"env": ["A=1"], "command": "sh"}, "command, env"),
        ({"target": "web"}, "full id"),
        ({"target": "A" * 64}, "full id"),
        ({"target": None}, "target"),
        ({"key": ""}, "key"),
        ({"key": "a b"}, "key"),
        ({"key": "k" * 129}, "key"),
        ({"expected": None}, "expected"),
        ({"expected": {"state": "running"}}, "started_at"),
        ({"expected": {"state": "running", "started_at": True}}, "started_at"),
        ({"expected": {"state": "running", "started_at": float("nan")}}, "started_at"),
        ({"expected": {"state": "dancing", "started_at": 1}}, "dancing"),
        ({"expected": {"state": "running", "started_at": 1, "spec": {}}}, "spec"),
        ({"expected": {"state": "running", "started_at": 1, "health": ["x"]}}, "expected"),
        ({"reason": "r" * 501}, "reason"),
        ({"incident": 5}, "incident"),
    ],
)
def test_malformed_wishes(change, says):
    body = {"target": "a" * 64, "key": "k", "expected": {"state": "running", "started_at": 1}, **change}
    with pytest.raises(BadInput, match=says):
        read_wish("restart", body, "healer")


def test_words_that_would_forge_a_line_of_a_log():
    body = {
        "target": "a" * 64,
        "key": "k",
        "expected": {"state": "running", "started_at": 1},
        "reason": "a\nb\x1b[2J\u202ec",
    }
    assert read_wish("restart", body, "healer").reason == "a b [2J c"


def test_unknown_verb():
    with pytest.raises(BadInput, match="no verb"):
        read_wish("exec", {}, "healer")


def test_unknown_container_and_absent_engine(rig):
    body = {"target": "a" * 64, "key": "k", "expected": {"state": "running", "started_at": 1}}
    with pytest.raises(NotFound):
        rig.verbs.perform(read_wish("restart", body, "healer"))
    rig.backend.fail("inspect", EngineAway("gone fishing"))
    with pytest.raises(EngineAway):
        rig.verbs.perform(read_wish("restart", body, "healer"))
    assert not rig.acts.after(0)


def test_the_engines_own_no_is_a_failed_act(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    rig.backend.fail("restart", Permanent("driver failed programming external connectivity"))
    act = rig.wish(web)
    assert act.status is Status.FAILED
    assert "driver failed" in act.detail
    assert rig.counters.get("paramedic_acts_total", verb="restart", status="failed") == 1


def test_ten_an_hour_a_target_also_under_a_new_id_and_across_restarts(rig):
    web = rig.backend.add("web", labels=LEAVE)
    for turn in range(10):
        rig.look()
        assert rig.wish(web).status is Status.DONE
        rig.clock.advance(60)
        if turn == 4:
            web = rig.backend.recreate(web)
            rig = rig.again()
    rig = rig.again()
    assert "10 per 1h" in refused(rig, "ceiling_target", web)
    rig.clock.advance(3600 - 601)
    refused(rig, "ceiling_target", web)
    rig.clock.advance(2)
    assert rig.wish(web).status is Status.DONE
    refused(rig, "ceiling_target", web)


@pytest.mark.parametrize("window", [Window(30, 3600), Window(1000, 60)])
def test_thirty_an_hour_a_host(tmp_path, window):
    rig = Rig(tmp_path, settings=Settings(runtime=RuntimeSettings(acts_per_host=window)))
    names = [rig.backend.add(f"web{n}", labels=LEAVE) for n in range(31)]
    rig.look()
    for target in names[:30]:
        assert rig.wish(target).status is Status.DONE
    assert "30 per 1h" in refused(rig, "ceiling_host", names[30])
    with pytest.raises(Refused) as caught:
        rig.wish(names[30])
    rig.clock.advance(caught.value.retry_after - 0.1)
    refused(rig, "ceiling_host", names[30])
    rig.clock.advance(0.1)
    rig.look()
    assert rig.wish(names[30]).status is Status.DONE, "it says when the next one may be"
    rig.acts.close()


@pytest.mark.parametrize(("window", "acts"), [(Window(100, 60), 10), (Window(2, 7200), 2), (Window(0, 60), 0)])
def test_settings_only_lower_the_ceiling(tmp_path, window, acts):
    rig = Rig(tmp_path, settings=Settings(runtime=RuntimeSettings(acts_per_target=window)))
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    for _ in range(acts):
        rig.wish(web)
        rig.clock.advance(61)
    refused(rig, "ceiling_target", web)
    rig.acts.close()


def test_a_clock_that_was_set_back_frees_nothing_and_blocks_nothing_for_ever(rig):
    web = rig.backend.add("web", labels=LEAVE)
    rig.look()
    for _ in range(10):
        rig.wish(web)
    rig.clock.step(-600)
    refused(rig, "ceiling_target", web)
    rig.clock.step(-86400 * 365)
    assert rig.wish(web).status is Status.DONE


def test_every_refusal_is_an_error_of_ours(rig):
    web = rig.backend.add("web", labels=LEAVE, health=Health.NONE)
    rig.look()
    rig.acts.close()
    with pytest.raises(ParamedicError):
        rig.wish(web)
    assert replace(rig.worlds.world).acting == {}
