"""The brain's own order of things, where a whole scenario would hide it."""

from dataclasses import replace

from paramedic_core.model import EndedBy, Health
from support_cases import NOW, brain, exited, unhealthy, world


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
