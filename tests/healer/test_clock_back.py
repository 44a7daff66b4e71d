"""A clock that ran ahead and was set back: healing goes on, and no try is watched for a year."""

import pytest

from paramedic_core.settings import HealerSettings
from paramedic_healer import guards
from paramedic_healer.decide import decide
from paramedic_healer.finding import Facts, Finding
from paramedic_healer.history import TargetHistory, Try
from paramedic_healer.triggers.crash_loop import CrashLoop
from paramedic_healer.triggers.exited import Exited
from paramedic_healer.verify import watch
from support_cases import NOW, brain, case, container, exited, unhealthy, world

YEAR = 365 * 86400.0
AHEAD = NOW + YEAR


@pytest.mark.parametrize("verdict", ["fixed", "no_effect"])
def test_tries_of_the_future_hold_nothing(verdict):
    tries = [Try(f"k{n}", "restart", "i", AHEAD + n, "done", AHEAD + n, verdict=verdict) for n in range(12)]
    decision = decide(case(unhealthy(), history=TargetHistory("web", tries)))
    assert decision.choice is guards.Choice.DO


def test_tries_a_little_ahead_count_as_now():
    tries = [Try(f"k{n}", "restart", "i", NOW + n, "done", NOW + n, verdict="fixed") for n in range(1, 6)]
    ahead = case(unhealthy(), history=TargetHistory("web", tries))
    assert not guards.windows(ahead).passes
    assert not guards.cooldown(ahead).passes


def test_the_first_seconds_do_not_last_for_a_year():
    assert guards.unhurried(case(unhealthy(), healer_started=AHEAD)).passes
    late = Finding(unhealthy(), "unhealthy", AHEAD, "")
    assert guards.confirmed(case(unhealthy(), finding=late)).passes


def test_a_try_is_not_watched_for_a_year():
    attempt = Try("k", "restart", "i", AHEAD, "done", AHEAD + 1)
    assert watch(attempt, container(), HealerSettings(), NOW).verdict == "unknown"
    told_ahead = Try("k", "restart", "i", NOW, "done", NOW + 1)
    well = container(started_at=NOW + 0.5, health_since=AHEAD)
    assert watch(told_ahead, well, HealerSettings(), NOW + 12).verdict == "recovered"


def test_triggers_see_what_is_there():
    settings = HealerSettings()
    assert list(Exited(settings).find(Facts(world(exited(finished_at=AHEAD))), NOW))
    starts = tuple(AHEAD + n for n in range(8))
    up = container("up", restarts=8, restart_policy="always", starts=starts, started_at=AHEAD + 7)
    assert list(CrashLoop(settings).find(Facts(world(up)), NOW)) == []


def test_a_wish_does_not_wait_for_a_year():
    seen = brain(startup_grace=0.0)
    shy = world(container(labels={}), at=NOW)
    seen.ask(shy.find("web"), "restart", "try", "ann", AHEAD)
    assert [r.kind for r in seen.step(shy, NOW).records][:1] == ["closed"]
