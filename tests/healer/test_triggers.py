"""What each trigger calls a fault, and what it does not."""

import pytest

from paramedic_core.model import EndedBy, Health, State
from support_cases import NOW, brain, container, exited, unhealthy, world


def causes(*containers, **settings):
    return [(f.container.name, f.cause) for f in brain(**settings).findings(world(*containers), NOW)]


def test_unhealthy_only_while_running():
    assert causes(unhealthy()) == [("web", "unhealthy")]
    assert causes(container(health=Health.STARTING)) == []
    assert causes(unhealthy(state=State.EXITED, exit_code=0)) == []
    assert causes(unhealthy(state=State.PAUSED)) == []


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, True),
        ({"code": 0}, False),
        ({"code": 0, "oom_killed": True}, True),
        ({"by": EndedBy.UNKNOWN}, True),
        ({"by": EndedBy.SOMEONE}, False),
        ({"by": EndedBy.US}, False),
        ({"restart_policy": "always"}, False),
        ({"restart_policy": "unless-stopped"}, False),
        ({"restart_policy": "on-failure"}, False),
        ({"restart_policy": "on-failure", "restart_retries": 3, "restarts": 2}, False),
        ({"restart_policy": "on-failure", "restart_retries": 3, "restarts": 3}, True),
        ({"auto_remove": True}, False),
        ({"labels": {"paramedic.heal": "true", "com.docker.compose.oneoff": "True"}}, False),
        ({"state": State.DEAD}, False),
    ],
)
def test_exited_with_an_error_where_nothing_restarts_it(fields, found):
    assert causes(exited(**fields)) == ([("job", "exited")] if found else [])


def test_exited_may_have_to_last():
    assert causes(exited(), exited_after=30.0) == []
    assert causes(exited(finished_at=NOW - 31), exited_after=30.0) == [("job", "exited")]


def test_only_the_running_are_healed_where_that_is_said():
    assert causes(exited(), only_running=True) == []
    assert causes(unhealthy(), only_running=True) == [("web", "unhealthy")]
    assert causes(looping(), only_running=True) == [("loop", "crash_loop")]
    assert causes(looping(state=State.RESTARTING), only_running=True) == []


def looping(**fields):
    starts = tuple(NOW - 60 + 10 * n for n in range(6))
    base = {"restart_policy": "always", "restarts": 5, "starts": starts, "started_at": NOW - 1, "health": Health.NONE}
    return container("loop", **{**base, **fields})


def test_crash_loop_counts_starts_in_its_window():
    assert causes(looping()) == [("loop", "crash_loop")]
    assert causes(looping(state=State.RESTARTING)) == [("loop", "crash_loop")]
    assert causes(looping(starts=looping().starts[1:])) == []
    assert causes(looping(starts=tuple(t - 600 for t in looping().starts))) == []
    assert causes(looping(restarts=0)) == []
    assert causes(looping(restart_policy="no")) == []


def test_crash_loop_is_over_when_it_stays_up():
    assert causes(looping(started_at=NOW - 61)) == []


def test_mode_off_means_not_even_decisions():
    assert causes(unhealthy(labels={"paramedic.heal": "off"})) == []
