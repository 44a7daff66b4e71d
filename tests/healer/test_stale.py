"""Nothing is concluded from an old World, and a wish ends though the engine is away."""

from dataclasses import replace

from paramedic_core.model import EndedBy, Ending, State
from paramedic_core.world import Acting, Engine, EngineStatus
from paramedic_healer import guards
from paramedic_healer.decide import decide
from paramedic_healer.finding import Finding
from paramedic_healer.history import TargetHistory, Try
from support_cases import NOW, brain, case, container, exited, unhealthy, world


def test_whether_it_helped_is_not_judged_while_runtime_is_silent():
    seen = brain()
    order = seen.step(world(unhealthy()), NOW).orders[0]
    seen.outcome(order.key, "done", "", NOW + 1)
    well = world(container(started_at=NOW + 0.5, health_since=NOW + 1), at=NOW + 2)
    for later in (16.0, 80.0, 4000.0):
        assert seen.step(well, NOW + later, silence=later).records == []
    fresh = replace(well, at=NOW + 4001)
    assert [r.kind for r in seen.step(fresh, NOW + 4001).records] == ["recovered"]


def test_no_incident_closes_on_an_old_world():
    seen = brain()
    seen.step(world(unhealthy(labels={})), NOW)
    assert seen.step(world(container(labels={}), at=NOW + 1), NOW + 300, silence=299.0).records == []
    assert [r.kind for r in seen.step(world(container(labels={}), at=NOW + 300), NOW + 300).records] == ["closed"]


def test_a_wish_ends_though_the_engine_is_away_and_does_not_keep_the_healer_awake():
    seen = brain()
    away = world(container(), engine=Engine(EngineStatus.AWAY, NOW, "no socket"))
    seen.ask(away.find("web"), "restart", "try", "ann", NOW)
    assert seen.step(away, NOW + 1).look_again > NOW + 1
    step = seen.step(away, NOW + 61)
    assert [r.body["text"] for r in step.records] == ["It was not done."]
    assert step.look_again > NOW + 61


def left_down(**fields):
    return exited("web", by=EndedBy.US, code=0, restart_policy="always", **fields)


def test_what_our_own_restart_left_down_is_started():
    seen = brain(backoff_first=0.1, backoff_most=0.1)
    order = seen.step(world(unhealthy()), NOW).orders[0]
    seen.outcome(order.key, "failed", "the port is taken", NOW + 1)
    down = world(left_down(finished_at=NOW + 0.5, ending=Ending(NOW + 0.5, EndedBy.US, "SIGTERM")), at=NOW + 2)
    orders = seen.step(down, NOW + 2).orders
    assert [o.plan.verb for o in orders] == ["start"]


def test_what_a_person_had_us_stop_stays_stopped_whatever_alerts_fire():
    seen = brain()
    stopped = left_down(ending=Ending(NOW - 1, EndedBy.US, "SIGTERM"))
    assert seen.findings(world(stopped), NOW) == []
    alert = case(stopped, finding=Finding(stopped, "alert", NOW, "It fires."))
    assert guards.human_hold(alert).choice is guards.Choice.REFUSE
    asked = TargetHistory("web", [Try("k", "stop", "i", NOW - 2, "failed", NOW - 1)])
    assert guards.human_hold(replace(alert, history=asked)).choice is guards.Choice.REFUSE
    assert stopped.state is State.EXITED


def test_what_is_down_in_the_middle_of_our_own_restart_is_not_called_a_persons_stop():
    down = left_down(ending=Ending(NOW - 1, EndedBy.US, "SIGTERM"))
    asked = TargetHistory("web", [Try("k", "restart", "i", NOW - 2, "asked")])
    of_it = case(down, finding=Finding(down, "crash_loop", NOW, "It does not stay up."), history=asked)
    decision = decide(of_it)
    assert (decision.choice, decision.gate) == (guards.Choice.WAIT, "in_flight")
    acting = replace(
        of_it, history=TargetHistory("web"), world=world(down, acting={down.id: Acting("restart", "k", NOW - 1)})
    )
    assert (decide(acting).choice, decide(acting).gate) == (guards.Choice.WAIT, "in_flight")
