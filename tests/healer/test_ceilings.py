"""Runtime's ceiling, as the healer knows it: what is known to be full is not asked, in one record; then the oldest first."""

from dataclasses import replace

import pytest

from paramedic_core.errors import Refused
from paramedic_core.limits import Window
from paramedic_core.settings import HealerSettings, RuntimeSettings
from paramedic_healer import ceilings as module
from paramedic_healer.ceilings import Ceilings
from paramedic_healer.history import Record
from paramedic_healer.role import make_brain
from paramedic_healer.views import plan_view
from paramedic_runtime import ceiling
from paramedic_runtime.acts import Act
from support_cases import LEAVE, NOW, container, unhealthy, world

HOUR = 3600.0


def of_shop(name, service):
    labels = {**LEAVE, "com.docker.compose.project": "shop", "com.docker.compose.service": service}
    return unhealthy(name, labels=labels)


class Host:
    """A brain, and runtime's own ceiling of 8 an hour on a host whose restarts help at once."""

    def __init__(self, names=(), most=8):
        self.now = NOW
        self.runtime = RuntimeSettings(acts_per_host=Window(most, HOUR))
        self.brain = make_brain(HealerSettings(), NOW - HOUR)
        self.containers = {name: unhealthy(name) for name in names}
        self.acts, self.journal, self.asked = [], [], []

    def fail(self, name):
        self.containers[name] = unhealthy(name, health_since=self.now - 1)

    def look(self, by=0.0):
        """One look, after `by` seconds; what was ordered is asked of runtime."""
        self.now += by
        step = self.brain.step(self.world(), self.now)
        self.journal += step.records
        for order in step.orders:
            self.asked.append((self.now, order.name))
            self.carry_out(order)
        return step

    def carry_out(self, order):
        act = Act(order.key, "h", order.plan.target, order.name, order.service, order.plan.verb, intent_at=self.now)
        status, more = "done", {}
        try:
            ceiling.check(self.acts, act.target, act.service, self.now, self.runtime)
        except Refused as error:
            status, more = "refused", {"detail": str(error), "code": error.code, "retry_after": error.retry_after}
        else:
            self.acts.append(act)
            up = {"started_at": self.now, "health_since": self.now}
            self.containers[order.name] = container(order.name, **up)
        step = self.brain.outcome(order.key, status, more.pop("detail", ""), self.now, **more)
        self.journal += step.records

    def world(self):
        return world(*self.containers.values(), at=self.now)

    def plan(self):
        return {row["name"]: row for row in plan_view(self.brain, self.world(), self.now, 0.0)}

    def kinds(self, name):
        return [(r.kind, *([r.body["gate"]] if r.kind == "decision" else [])) for r in self.journal if r.name == name]

    def restart_healer(self):
        self.brain = make_brain(HealerSettings(), self.now - HOUR)
        self.brain.restore(list(self.journal))


ALL = [f"c{n:02}" for n in range(50)]
ASKED = [("opened",), ("decision", ""), ("intent",), ("outcome",)]


def test_fifty_at_once_leave_one_record_each_until_the_ceiling_is_free():
    host = Host(ALL)
    host.look()
    assert len(host.asked) == 50
    held = ALL[8:]
    for _ in range(700):
        host.look(by=5.0)
    assert len(host.asked) == 50, "nothing is asked while it is known to be full"
    assert {name: host.kinds(name) for name in held} == dict.fromkeys(held, ASKED)
    rows = host.plan()
    assert {(rows[n]["decision"], rows[n]["gate"], rows[n]["until"]) for n in held} == {
        ("refuse", "runtime", NOW + HOUR)
    }


def test_a_host_that_is_known_to_be_full_is_not_asked_for_another_target_either():
    host = Host(ALL[:9])
    host.look()
    host.fail("late")
    step = host.look(by=60.0)
    host.look(by=60.0)
    assert host.kinds("late") == [("opened",), ("decision", "runtime")]
    assert step.look_again <= NOW + HOUR
    assert "outer ceiling" in host.plan()["late"]["reason"]
    host.restart_healer()
    host.look(by=60.0)
    assert host.kinds("late") == [("opened",), ("decision", "runtime")], "nor by the next healer"


def test_when_it_is_free_the_oldest_goes_first_and_they_go_one_by_one():
    host = Host(ALL[:8])
    host.look()
    # The oldest fault has the last place in every listing.
    host.fail("zz")
    host.look(by=10.0)
    for name in ("aa", "bb", *ALL[8:30]):
        host.fail(name)
    host.look(by=10.0)
    before = len(host.asked)
    host.look(by=HOUR - 20.0 - 0.5)
    assert len(host.asked) == before
    host.look(by=0.6)
    assert [name for _, name in host.asked[before:]] == ["zz"], "it is not known how many fit"
    for _ in range(20):
        host.look(by=0.1)
    asked = [name for _, name in host.asked[before:]]
    assert len(asked) == 9, "eight fit, and the ninth says until when no more do"
    assert asked[1:3] == ["aa", "bb"]
    assert len(host.acts) == 16


def test_an_act_that_is_not_answered_yet_lets_the_next_one_wait_and_leaves_no_record():
    host = Host(ALL[:10])
    host.look()
    host.now += HOUR + 1
    step = host.brain.step(host.world(), host.now)
    assert len(step.orders) == 1
    row = host.plan()[ALL[9]]
    assert (row["gate"], row["until"]) == ("runtime", 0.0)
    assert "one act at a time" in row["reason"]
    assert host.brain.step(host.world(), host.now + 1).records == []


@pytest.mark.parametrize("back", [86400.0, 365 * 86400.0])
def test_a_clock_that_was_set_back_does_not_make_it_last(back):
    host = Host(ALL[:9])
    host.look()
    asked = len(host.asked)
    host.now -= back
    host.acts.clear()
    host.containers = {name: replace(c, health_since=host.now - 1) for name, c in host.containers.items()}
    host.look()
    assert len(host.asked) == asked + 1


def test_whatever_runtime_says_it_is_asked_again_after_a_day():
    host = Host(["web"])
    step = host.brain.step(host.world(), host.now)
    host.brain.outcome(step.orders[0].key, "refused", "full", NOW, code="ceiling_host", retry_after=1e12)
    assert host.plan()["web"]["until"] == NOW + module.LONGEST_CEILING


def test_the_ceiling_of_a_service_holds_its_other_containers_and_later_incidents_and_nobody_else():
    host = Host(["web-1"], most=30)
    host.containers = {"web-1": of_shop("web-1", "web")}
    step = host.look()
    assert step.orders[0].service == "shop/web"
    host.brain.restore([])
    body = {"code": "ceiling_target", "detail": "full", "allow": "", "until": NOW + 900.0}
    host.brain.histories.ceilings.refused(Record("outcome", NOW, "i", "t", "web-1", "shop/web", body))
    twin, other = of_shop("web-2", "web"), of_shop("db", "db")
    host.containers = {"web-2": twin, "db": other}
    host.look(by=60.0)
    assert [name for _, name in host.asked] == ["web-1", "db"]
    assert host.plan()["web-2"]["until"] == NOW + 900.0


def test_a_persons_wish_is_asked_all_the_same_and_not_at_each_look():
    host = Host(ALL[:9])
    host.look()
    step, _ = host.brain.ask(host.containers[ALL[8]], "restart", "try", "ann", host.now)
    host.journal += step.records
    before = len(host.asked)
    for _ in range(40):
        host.look(by=0.1)
    assert len(host.asked) == before + 1
    host.acts.clear()
    for _ in range(10):
        host.look(by=1.0)
    assert len(host.acts) == 1, "what it was let through for is known to be free again"
    host.fail("late")
    host.look(by=60.0)
    assert host.asked[-1][1] == "late"


def test_what_is_remembered_of_ceilings_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    known = Ceilings()
    for n in range(10):
        body = {"code": "ceiling_target", "detail": "full", "allow": "", "until": NOW + 900.0}
        known.refused(Record("outcome", NOW, "i", "t", "web", f"s{n}", body))
    assert [n for n in range(10) if known.over(f"s{n}", NOW + 1, busy=False)] == [7, 8, 9]
    known.forget(NOW + 900.0 + module.LATELY)
    assert not known._known
