"""When an action has helped, when it has not, and when nobody can say."""

from dataclasses import replace

import pytest

from paramedic_core.model import EndedBy, Ending, Health, HealthCheck, State
from paramedic_core.settings import HealerSettings
from paramedic_healer.history import Try
from paramedic_healer.verify import watch
from support_cases import NOW, container, exited, unhealthy

S = HealerSettings()


def attempt(**fields):
    return Try(
        **{"key": "k", "action": "restart", "incident": "i", "at": NOW, "status": "done", "done_at": NOW + 1, **fields}
    )


def restarted(**fields):
    return container(**{"started_at": NOW + 0.5, "health_since": NOW + 3, **fields})


def test_recovered_after_ten_well_seconds_and_fixed_a_minute_later():
    assert watch(attempt(), restarted(), S, NOW + 12).look_again == NOW + 13
    assert watch(attempt(), restarted(), S, NOW + 13).verdict == "recovered"
    later = attempt(recovered_at=NOW + 13)
    assert watch(later, restarted(), S, NOW + 72).look_again == NOW + 73
    assert watch(later, restarted(), S, NOW + 73).verdict == "fixed"


def test_a_persons_stop_counts_when_it_came_after_the_act_only():
    stopped = exited(by=EndedBy.SOMEONE, code=143)
    assert watch(attempt(action="start"), stopped, S, NOW + 2).verdict == "", "somebody wanted it started after that"
    later = replace(stopped, finished_at=NOW + 2, ending=Ending(NOW + 2, EndedBy.SOMEONE, "SIGTERM"))
    assert watch(attempt(action="start"), later, S, NOW + 3).verdict == "unknown"


def test_what_the_world_still_shows_from_before_the_act_is_no_relapse():
    assert watch(attempt(), unhealthy(), S, NOW + 2).verdict == ""
    assert watch(attempt(action="start"), exited(), S, NOW + 2).verdict == ""


@pytest.mark.parametrize(
    "seen",
    [
        restarted(health=Health.UNHEALTHY, health_since=NOW + 30),
        restarted(state=State.EXITED, exit_code=3, finished_at=NOW + 5),
        restarted(state=State.RESTARTING, exit_code=3),
        restarted(restarts=1, started_at=NOW + 9, health=Health.NONE),
    ],
)
def test_a_relapse_is_no_effect_at_once(seen):
    found = watch(attempt(), seen, S, NOW + 31)
    assert found.verdict == "no_effect"
    assert found.text


def test_what_the_engine_has_started_again_has_the_exit_code_of_its_end():
    again = restarted(restarts=1, started_at=NOW + 9, health=Health.NONE, exit_code=0)
    ended = replace(again, ending=Ending(NOW + 8, EndedBy.NOBODY, exit_code=3))
    assert watch(attempt(), ended, S, NOW + 31).text == "It ended again (exit code 3), and the engine restarted it."


def test_not_well_until_the_deadline_is_no_effect():
    slow = restarted(health=Health.STARTING, health_check=HealthCheck(start_period=40))
    assert watch(attempt(), slow, S, NOW + 340).look_again == NOW + 341
    assert watch(attempt(), slow, S, NOW + 341).verdict == "no_effect"


def test_nobody_can_say_when_it_is_gone_or_a_person_stopped_it():
    assert watch(attempt(), None, S, NOW + 5).verdict == "unknown"
    stopped = exited(started_at=NOW + 1, ending=Ending(NOW + 4, EndedBy.SOMEONE, "SIGTERM"))
    assert watch(attempt(), stopped, S, NOW + 5).verdict == "unknown"


@pytest.mark.parametrize("recovered_at", [0.0, NOW + 13])
def test_a_persons_pause_leaves_it_open_whether_it_helped(recovered_at):
    paused = restarted(state=State.PAUSED, health=Health.STARTING, ending=Ending(NOW + 0.4, EndedBy.US, "SIGTERM", 143))
    found = watch(attempt(recovered_at=recovered_at), paused, S, NOW + 20)
    assert (found.verdict, found.text) == ("unknown", "Somebody paused it meanwhile.")
    before = replace(paused, started_at=NOW - 1000)
    assert watch(attempt(), before, S, NOW + 2).verdict == "", "that is the run before the act"


def test_a_stop_that_was_asked_for():
    assert watch(attempt(action="stop"), exited(by=EndedBy.US), S, NOW + 5).verdict == "fixed"
    assert watch(attempt(action="stop"), container(), S, NOW + 40).verdict == "no_effect"


OUR_KILL = {"exit_code": 137, "started_at": NOW + 0.3, "finished_at": NOW + 0.9, "restart_policy": "always"}
"""The engine's own restart fell between intent and act; the act ended that run, and its next start is not seen yet."""


@pytest.mark.parametrize("state", [State.EXITED, State.RESTARTING, State.DEAD])
def test_the_run_that_the_act_itself_ended_is_no_relapse(state):
    seen = restarted(state=state, **OUR_KILL, ending=Ending(NOW + 0.9, EndedBy.US, "SIGKILL", 137))
    found = watch(attempt(), seen, S, NOW + 1)
    assert (found.verdict, found.look_again) == ("", NOW + 6)
    begun = restarted(started_at=NOW + 1, restart_policy="always")
    assert watch(attempt(), begun, S, NOW + 13).verdict == "recovered"


def test_a_run_that_ended_before_the_engine_answered_is_a_relapse_once_nothing_newer_can_come():
    """A start that fails in a millisecond is over before the act is: that too must be said, and not only after minutes."""
    seen = restarted(state=State.EXITED, exit_code=1, finished_at=NOW + 0.9)
    assert watch(attempt(action="start"), seen, S, NOW + 5.9).verdict == ""
    found = watch(attempt(action="start"), seen, S, NOW + 6)
    assert (found.verdict, found.text) == ("no_effect", "It ended again (exit code 1).")


def test_an_end_after_the_act_is_a_relapse_at_once():
    seen = restarted(state=State.EXITED, exit_code=1, finished_at=NOW + 1.1)
    assert watch(attempt(), seen, S, NOW + 1.2).verdict == "no_effect"
