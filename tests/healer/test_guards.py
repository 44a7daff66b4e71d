"""Each gate: when it passes, when it does not, and what it says."""

from dataclasses import replace

import pytest

from paramedic_core.limits import Window
from paramedic_core.model import EndedBy, State
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.world import Acting, Engine, EngineStatus, Hands
from paramedic_healer import guards
from paramedic_healer.decide import PIPELINE, decide
from paramedic_healer.finding import Finding
from paramedic_healer.guards import Choice
from paramedic_healer.history import TargetHistory, Try
from support_cases import NOW, case, container, exited, unhealthy, world


def tries(*ages: float, status="done", verdict="fixed", action="restart") -> TargetHistory:
    made = [Try(f"k{a}", action, "i", NOW - a, status, NOW - a, verdict=verdict) for a in sorted(ages, reverse=True)]
    return TargetHistory("web", made)


def test_all_gates_pass_for_an_ordinary_fault():
    decision = decide(case(unhealthy()))
    assert decision.choice is Choice.DO
    assert decision.would
    assert len(decision.verdicts) == len(PIPELINE)


def test_every_gate_has_its_docstring_and_is_asked_though_an_earlier_one_holds():
    assert all(gate.__doc__ for gate in PIPELINE)
    held = decide(case(unhealthy(), healer_started=NOW - 1, settings=HealerSettings(max=Mode.OBSERVE)))
    assert {v.gate for v in held.verdicts if not v.passes} == {"startup_grace", "mode"}
    assert held.gate == "startup_grace"
    assert not held.would


@pytest.mark.parametrize(
    ("engine", "silence", "at", "word"),
    [
        (Engine(EngineStatus.AWAY, reason="no socket"), 0, NOW, "no socket"),
        (Engine(EngineStatus.STARTING), 0, NOW, "does not answer"),
        (Engine(EngineStatus.CONNECTED), 16, NOW, "16 s old"),
        (Engine(EngineStatus.CONNECTED), 0, NOW - 91, "91 s old"),
    ],
)
def test_stale_knowledge_holds(engine, silence, at, word):
    target = unhealthy()
    verdict = guards.fresh(case(target, world=world(target, at=at, engine=engine), silence=silence))
    assert verdict.choice is Choice.WAIT
    assert word in verdict.reason


def test_confirm_waits_until_the_fault_has_lasted():
    verdict = guards.confirmed(case(unhealthy(), settings=HealerSettings(confirm=30)))
    assert (verdict.choice, verdict.until) == (Choice.WAIT, NOW + 29)


@pytest.mark.parametrize("code", [125, 126, 127])
def test_a_command_that_cannot_run_is_not_healable(code):
    target = exited(code=code)
    finding = Finding(target, "exited", NOW, "")
    assert guards.healable(case(target, finding=finding)).choice is Choice.REFUSE
    other = exited(code=1)
    assert guards.healable(case(other, finding=Finding(other, "exited", NOW, ""))).passes


def test_ours_refuses_self_swarm_oneoff_and_network_owner():
    swarm = unhealthy(labels={"com.docker.swarm.task.id": "t"})
    oneoff = unhealthy(labels={"com.docker.compose.oneoff": "True"})
    for target, word in ((unhealthy(is_self=True), "itself"), (swarm, "Swarm"), (oneoff, "by hand")):
        verdict = guards.ours(case(target))
        assert verdict.choice is Choice.REFUSE
        assert word in verdict.reason
    owner = unhealthy("vpn")
    for mode in (f"container:{owner.id}", "container:vpn"):
        seen = world(owner, container("app", network_mode=mode))
        assert "app lives in its network" in guards.ours(case(owner, world=seen)).reason


@pytest.mark.parametrize("action", ["restart", "start", "stop"])
def test_what_the_engine_may_remove_when_it_stops_is_refused_with_the_change_that_helps(action):
    decision = decide(case(unhealthy(auto_remove=True), action=action, asked=True))
    assert (decision.choice, decision.gate) == (Choice.REFUSE, "ours")
    assert "--rm" in decision.reason
    assert decision.allow.startswith("run it without --rm")
    assert not decision.would


def test_a_persons_stop_and_an_unwitnessed_end_are_held():
    for by, word in ((EndedBy.SOMEONE, "somebody stopped it (SIGTERM)"), (EndedBy.UNKNOWN, "nobody saw")):
        verdict = guards.human_hold(case(exited(by=by)))
        assert verdict.choice is Choice.REFUSE
        assert word in verdict.reason
        assert "docker start job" in verdict.allow
    assert guards.human_hold(case(exited(by=EndedBy.NOBODY))).passes
    assert guards.human_hold(case(replace(exited(), ending=None))).choice is Choice.REFUSE


def test_what_is_paused_is_held_in_its_own_words():
    verdict = guards.human_hold(case(unhealthy(state=State.PAUSED)))
    assert (verdict.choice, verdict.reason) == (Choice.REFUSE, "somebody paused it")
    assert "docker unpause web" in verdict.allow


def test_a_stop_under_way_is_awaited():
    verdict = guards.human_hold(case(unhealthy(stop_asked=NOW - 8)))
    assert (verdict.choice, verdict.until) == (Choice.WAIT, NOW + 7)
    assert guards.human_hold(case(unhealthy(stop_asked=NOW - 16))).passes


def test_one_action_in_flight_a_target():
    target = unhealthy()
    acting = world(target, acting={target.id: Acting("restart", "k", NOW - 1)})
    assert guards.in_flight(case(target, world=acting)).choice is Choice.WAIT
    assert guards.in_flight(case(target, history=tries(1, status="asked", verdict=""))).choice is Choice.WAIT
    assert guards.in_flight(case(target, history=tries(1, verdict=""))).choice is Choice.WAIT
    assert guards.in_flight(case(target, history=tries(1))).passes
    assert guards.in_flight(case(target, history=tries(1, status="lost", verdict=""))).passes


def test_backoff_doubles_is_bounded_and_starts_anew_after_a_long_calm():
    target = unhealthy()
    assert guards.cooldown(case(target)).passes
    one = guards.cooldown(case(target, history=tries(1)))
    assert 10 - 1 <= one.until - NOW <= 12.5 - 1
    three = guards.cooldown(case(target, history=tries(1, 20, 50)))
    assert 40 - 1 <= three.until - NOW <= 50 - 1
    many = guards.cooldown(case(target, history=tries(*range(1, 40))))
    assert 300 - 1 <= many.until - NOW <= 375 - 1
    calm = guards.cooldown(case(target, history=tries(1, 700, 720, 750)))
    assert calm.until - NOW <= 12.5 - 1


def test_windows_count_what_touched_the_target_only():
    settings = HealerSettings(windows=(Window(3, 900), Window(5, 86400)))
    target = unhealthy()
    full = guards.windows(case(target, settings=settings, history=tries(10, 20, 30)))
    assert (full.choice, full.until) == (Choice.WAIT, NOW - 30 + 900)
    assert "3 per 15m" in full.reason
    day = guards.windows(case(target, settings=settings, history=tries(1000, 2000, 3000, 4000, 5000)))
    assert day.until == NOW - 5000 + 86400
    assert guards.windows(case(target, settings=settings, history=tries(10, 20, 30, status="lost"))).passes
    assert guards.windows(case(target, settings=settings, history=tries(10, 20, 1000))).passes


def test_what_never_helps_is_left_to_a_person():
    target = unhealthy()
    useless = tries(100, 200, 300, verdict="no_effect")
    verdict = guards.helps(case(target, history=useless))
    assert verdict.choice is Choice.REFUSE
    assert "3 times and did not help" in verdict.reason
    assert guards.helps(case(target, history=tries(100, 200, verdict="no_effect"))).passes
    mixed = TargetHistory("web", [*useless.tries[:2], Try("f", "restart", "i", NOW - 50, "done", NOW, verdict="fixed")])
    assert guards.helps(case(target, history=mixed)).passes
    useless.rearmed_at = NOW - 10
    assert guards.helps(case(target, history=useless)).passes


def test_hands_tied_is_said():
    target = unhealthy()
    seen = world(target, hands=Hands(ready=False, reason="the disk of the journal is full"))
    assert "disk of the journal is full" in guards.hands(case(target, world=seen)).reason


def test_mode_names_the_one_change():
    target = unhealthy(labels={})
    verdict = guards.mode(case(target))
    assert verdict.choice is Choice.REFUSE
    assert verdict.reason == "it has not been opted in"
    assert "paramedic heal enable web" in verdict.allow
    frozen = guards.mode(case(unhealthy(), world=world(unhealthy(), hands=Hands(ready=True, frozen=True))))
    assert frozen.reason == "everything is frozen"


@pytest.mark.parametrize(
    ("labels", "settings"),
    [({"paramedic.heal": "approve"}, HealerSettings()), ({}, HealerSettings(default=Mode.APPROVE))],
)
def test_mode_approve_is_refused_with_its_reason(labels, settings):
    decision = decide(case(unhealthy(labels=labels), settings=settings))
    assert (decision.choice, decision.gate, decision.would) == (Choice.REFUSE, "mode", True)
    assert "approval by a person is not there yet" in decision.reason
    assert "paramedic.heal=true" in decision.allow
