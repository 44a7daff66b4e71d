"""The brain's own order of things, where a whole scenario would hide it."""

from dataclasses import replace

from paramedic_core.model import EndedBy, Health
from paramedic_core.world import Engine, EngineStatus
from paramedic_healer.views import incident_view, plan_view
from support_cases import NOW, brain, exited, unhealthy, world

CEILING = "this host has had 30 per 1h acts, the outer ceiling: the next may be at 12:00:00 UTC"


def test_what_runtimes_ceiling_refuses_is_held_and_the_plan_names_the_ceiling():
    mind = brain()
    step = mind.step(world(unhealthy()), NOW)
    told = mind.outcome(step.orders[0].key, "refused", CEILING, NOW + 0.1, code="ceiling_host").records
    assert [r.body["text"] for r in told] == [f"Not restarted: {CEILING}."]
    seen = world(unhealthy(), at=NOW + 1)
    assert mind.step(seen, NOW + 1).orders == []
    (row,) = plan_view(mind, seen, NOW + 1, 0.0)
    assert (row["decision"], row["gate"], row["reason"]) == ("refuse", "runtime", CEILING)
    assert row["until"] > NOW + 1
    (incident,) = mind.histories.incidents.values()
    assert incident_view(incident, "host1")["state"] == "held"
    # A healer that starts anew knows it from its journal.
    again = brain()
    again.restore([*step.records, *told])
    assert again.step(seen, NOW + 1).orders == []
    assert again.preview(again.findings(seen, NOW + 1)[0], seen, NOW + 1, 0.0).gate == "runtime"
    # When its time has come it is asked again.
    assert len(mind.step(world(unhealthy(), at=NOW + 30), NOW + 30).orders) == 1
    assert not incident.held


def test_what_was_only_too_much_at_once_is_not_held():
    mind = brain()
    step = mind.step(world(unhealthy()), NOW)
    mind.outcome(step.orders[0].key, "refused", "8 acts are under way on this host, the most at once", NOW + 0.1)
    (incident,) = mind.histories.incidents.values()
    assert (incident.held, incident.refusal) == (False, None)


def test_one_slow_answer_of_the_engine_holds_nothing_back_that_is_being_dealt_with():
    mind = brain()
    step = mind.step(world(unhealthy()), NOW)
    away = world(unhealthy(), at=NOW + 1, engine=Engine(EngineStatus.AWAY, NOW + 1, "no answer within 5 s"))
    assert mind.step(away, NOW + 1).records == []
    mind.outcome(step.orders[0].key, "done", "", NOW + 3)
    assert mind.step(replace(away, at=NOW + 4), NOW + 4).records == []
    (incident,) = mind.histories.incidents.values()
    assert not incident.held


def test_a_container_that_is_down_amid_our_own_restart_is_no_second_incident():
    mind = brain()
    step = mind.step(world(unhealthy()), NOW)
    assert [o.plan.verb for o in step.orders] == ["restart"]
    down = exited("web", by=EndedBy.UNKNOWN, code=137, finished_at=NOW + 1)
    assert mind.step(world(down, at=NOW + 2), NOW + 2).records == []
    mind.outcome(step.orders[0].key, "done", "", NOW + 3)
    up = replace(unhealthy(), health=Health.HEALTHY, started_at=NOW + 2.5, health_since=NOW + 3)
    mind.step(world(up, at=NOW + 20), NOW + 20)
    mind.step(world(up, at=NOW + 90), NOW + 90)
    assert [(i.cause, i.state) for i in mind.histories.incidents.values()] == [("unhealthy", "healed")]
