"""Who ended a run, in every order in which engines tell it."""

import pytest

from paramedic_core.model import EndedBy, Ending
from paramedic_runtime.base import Event
from paramedic_runtime.endings import Known, Run, follow

A = "a" * 64
ALL = Known(whole_since=0.0)


def told(*events, known=ALL, ours=()):
    """The ending after `(at, action, detail)` events; those whose index is in `ours` fell in an act of ours."""
    run, ending = Run(), None
    for index, (at, action, detail) in enumerate(events):
        now = known if index not in ours else Known(True, known.whole_since)
        run, ending = follow(run, ending, Event(at, action, A, "web", detail), now)
    return ending


def test_a_death_without_a_signal_is_nobodys():
    assert told((100, "start", ""), (160, "die", "1")) == Ending(160, EndedBy.NOBODY, exit_code=1)


@pytest.mark.parametrize(
    "events",
    [
        [(110, "kill", "SIGTERM"), (110.1, "die", "143"), (110.2, "stop", "")],
        [(110, "kill", "SIGTERM"), (110.1, "stop", ""), (110.2, "die", "143")],
        [(110, "kill", "SIGTERM"), (120, "kill", "SIGKILL"), (120.1, "die", "137"), (120.2, "stop", "")],
        [(110, "kill", "SIGKILL"), (110.1, "die", "137")],
        [(110, "kill", "SIGKILL"), (150, "die", "137")],
        [(110, "kill", "SIGTERM"), (139, "die", "1")],
        [(110, "kill", "SIGTERM"), (400, "die", "0")],
        [(110, "kill", "SIGHUP"), (111, "die", "1")],
        [(110, "kill", "SIGUSR1"), (115, "die", "138")],
        [(110, "die", "0"), (110.1, "stop", "")],
        [(110, "die", "137"), (110.1, "kill", "SIGKILL")],
    ],
)
def test_a_persons_doing(events):
    ending = told((100, "start", ""), *events)
    assert ending is not None
    assert ending.by is EndedBy.SOMEONE
    assert ending.at == next(at for at, action, _ in events if action == "die")


@pytest.mark.parametrize(
    "events",
    [
        [(110, "kill", "SIGHUP"), (116, "die", "1")],
        [(110, "kill", "SIGWINCH"), (112.5, "die", "1")],
        [(110, "kill", "SIGTERM"), (400, "die", "1")],
        [(110, "kill", "SIGTERM"), (4000, "die", "0")],
        [(110, "kill", "SIGTERM"), (110.1, "die", "143"), (111, "start", ""), (112, "die", "1")],
        [(110, "die", "1"), (150, "kill", "SIGKILL")],
        [(110, "die", "1"), (150, "stop", "")],
    ],
)
def test_a_signal_that_does_not_explain_the_death(events):
    ending = told((100, "start", ""), *events)
    assert ending is not None
    assert ending.by is EndedBy.NOBODY


def test_our_own_doing():
    events = [(100, "start", ""), (110, "kill", "SIGTERM"), (110.1, "die", "143"), (110.2, "stop", "")]
    assert told(*events, ours={1, 2, 3}) == Ending(110.1, EndedBy.US, "SIGTERM", 143)
    assert told(*events, ours={1}) == Ending(110.1, EndedBy.US, "SIGTERM", 143), (
        "the kill decides, however late it dies"
    )


def test_a_crash_while_we_were_at_work_is_a_crash():
    assert told((100, "start", ""), (110, "die", "1"), ours={1}) == Ending(110, EndedBy.NOBODY, exit_code=1)


def test_the_images_own_stop_signal_is_meant_to_end():
    known = Known(stop_signal="SIGWINCH")
    ending = told((100, "start", ""), (110, "kill", "SIGWINCH"), (117, "die", "1"), known=known)
    assert ending == Ending(117, EndedBy.SOMEONE, "SIGWINCH", 1)


def test_a_long_grace_is_known_from_the_container():
    known = Known(stop_timeout=120)
    ending = told((100, "start", ""), (110, "kill", "SIGTERM"), (220, "die", "1"), known=known)
    assert ending == Ending(220, EndedBy.SOMEONE, "SIGTERM", 1)


def test_where_events_may_be_missing_nobody_is_not_said():
    assert told((110, "die", "1"), known=Known(whole_since=100)).by is EndedBy.UNKNOWN
    assert told((110, "die", "1"), known=Known(whole_since=90)).by is EndedBy.NOBODY
    assert told((105, "start", ""), (110, "die", "1"), known=Known(whole_since=100)).by is EndedBy.NOBODY
    assert told((110, "die", "1"), known=Known(whole_since=100, started_at=104)).by is EndedBy.NOBODY
    assert told((101, "kill", "SIGTERM"), (102, "die", "1"), known=Known(whole_since=100)).by is EndedBy.SOMEONE


def test_a_signal_of_an_earlier_run_says_nothing():
    known = Known(started_at=150)
    assert told((140, "kill", "SIGKILL"), (160, "die", "1"), known=known).by is EndedBy.NOBODY


@pytest.mark.parametrize("code", ["", "x", "9" * 40, "-1"])
def test_a_strange_exit_code_breaks_nothing(code):
    assert told((100, "start", ""), (110, "kill", "SIG99x"), (111, "die", code)).by is EndedBy.SOMEONE


def test_a_death_after_a_death_shows_that_a_start_was_lost():
    twice = [(100, "start", ""), (110, "die", "1"), (200, "die", "1")]
    assert told(*twice).by is EndedBy.UNKNOWN
    killed = [(100, "start", ""), (110, "die", "1"), (200, "kill", "SIGTERM"), (201, "die", "1"), (201.1, "stop", "")]
    assert told(*killed) == Ending(201, EndedBy.SOMEONE, "SIGTERM", 1)
    assert told(*twice, known=Known(whole_since=150)).by is EndedBy.NOBODY, "it was lost before, in a known gap"
