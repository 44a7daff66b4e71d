"""Whole stories at full length, on the in-memory engine and a fake clock: what was done, by the engine's own account."""

import pytest

from paramedic_core.limits import Window
from paramedic_core.settings import Mode
from support_ward import Ward


def outcome(ward, name):
    return [(r.body["state"], r.body["outcome"]) for r in ward.records("closed", name)]


def test_an_unhealthy_container_is_restarted_once_verified_and_told():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    ward.engine.fail_health(web)
    ward.run(0.2)
    assert ward.acts(web) == ["restart"]
    ward.run(120)
    assert ward.acts(web) == ["restart"]
    kinds = [r.kind for r in ward.journal]
    assert kinds == ["opened", "decision", "intent", "outcome", "recovered", "verdict", "closed"]
    assert outcome(ward, "web") == [("healed", "fixed")]


def test_a_container_that_ends_with_an_error_is_started():
    ward = Ward()
    job = ward.add("job", check=False)
    ward.run(60)
    ward.engine.crash(job, 3)
    ward.run(120)
    assert ward.acts(job) == ["start"]
    assert outcome(ward, "job") == [("healed", "fixed")]


@pytest.mark.parametrize("end", ["human_stop", "human_kill"])
def test_what_a_person_stopped_stays_stopped_also_over_restarts(end):
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    getattr(ward.engine, end)(web)
    ward.run(600)
    ward.restart_healer()
    ward.engine.daemon_restart()
    ward.run(3600)
    assert ward.acts(web) == []
    assert not ward.engine.inspect(web).running


def test_a_persons_stop_under_way_is_not_overridden():
    ward = Ward()
    web = ward.add("web", stop_timeout=20.0)
    ward.run(60)
    ward.engine.hang(web)
    # A docker stop of what hears no SIGTERM: its probes fail while the engine still waits.
    ward.engine.human_kill(web, "SIGTERM")
    ward.engine.fail_health(web)
    ward.run(20)
    assert ward.acts(web) == []
    ward.engine.human_kill(web, "SIGKILL")
    ward.run(600)
    assert ward.acts(web) == []


def test_an_end_that_nobody_saw_is_held_and_shown():
    ward = Ward()
    job = ward.add("job", check=False)
    ward.run(60)
    ward.engine.lose_events(lambda event: event.action == "die")
    ward.engine.crash(job, 1)
    ward.run(600)
    assert ward.acts(job) == []
    assert ward.records("decision", "job")[-1].body["gate"] == "human_hold"


def test_without_leave_it_is_in_the_plan_and_never_touched():
    ward = Ward()
    web = ward.add("web", leave=False)
    ward.run(60)
    ward.engine.fail_health(web, cured_by=None)
    ward.run(86400)
    assert ward.acts(web) == []
    assert len(ward.records("would_act")) == 1
    assert len(ward.records("decision")) == 1
    assert ward.records("decision")[0].body["gate"] == "mode"


def test_observing_grades_itself():
    ward = Ward()
    alone, person, bad = (ward.add(name, leave=False) for name in ("alone", "person", "bad"))
    ward.run(60)
    for target in (alone, person, bad):
        ward.engine.fail_health(target)
    ward.run(30)
    ward.engine.recover(alone)
    ward.engine.human_restart(person)
    ward.run(300)
    assert outcome(ward, "alone") == [("recovered", "alone")]
    assert outcome(ward, "person") == [("recovered", "person")]
    assert outcome(ward, "bad") == []


def test_a_leave_that_only_the_image_gives_does_not_count():
    ward = Ward()
    web = ward.add("web", image_labels=("paramedic.heal",))
    ward.run(60)
    ward.engine.fail_health(web)
    ward.run(600)
    assert ward.acts(web) == []


def test_what_never_gets_well_is_given_up_and_reported_once():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    ward.engine.fail_health(web, cured_by=None)
    ward.run(86400 / 2)
    assert len(ward.acts(web)) == 3
    assert len(ward.records("gave_up")) == 1
    assert "did not help" in ward.records("gave_up")[0].body["text"]


def test_windows_hold_at_full_length_also_over_restarts_of_the_healer():
    ward = Ward(give_up_after=100, backoff_first=0.1, backoff_most=1.0)
    web = ward.add("web", healthy_after=0.5)
    ward.run(60)
    ward.engine.fail_health(web, cured_by=None)
    times = []
    for _ in range(95):
        ward.run(900)
        ward.restart_healer()
        times = [e.at for e in ward.engine.acts]
    for at in times:
        assert sum(at <= t < at + 900 for t in times) <= 5
        assert sum(at <= t < at + 86400 for t in times) <= 10
    assert len(times) == 10
    assert len(ward.records("gave_up")) == 1


def test_a_crash_loop_is_tried_a_bounded_number_of_times_and_held():
    ward = Ward()
    loop = ward.add("loop", check=False, restart_policy="always")
    ward.run(60)
    ward.engine.crash_loop(loop, after=0.5)
    ward.run(4 * 3600)
    assert 1 <= len(ward.acts(loop)) <= 3
    assert len(ward.records("gave_up", "loop")) == 1


def test_a_person_who_puts_it_right_arms_it_again():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    ward.engine.fail_health(web, cured_by=None)
    ward.run(3600)
    tried = len(ward.acts(web))
    ward.engine.recover(web)
    ward.engine.human_restart(web)
    ward.run(3600)
    ward.engine.fail_health(web)
    ward.run(600)
    assert len(ward.acts(web)) == tried + 1


def test_a_recreated_container_is_a_new_case_with_the_old_limits():
    ward = Ward(windows=(Window(2, 900),))
    web = ward.add("web")
    ward.run(60)
    for _ in range(4):
        ward.engine.fail_health(web)
        ward.run(60)
        web = ward.engine.recreate(web)
        ward.run(60)
    assert len(ward.engine.acts) == 2


def test_nothing_is_done_while_the_engine_is_away_and_it_goes_on_after():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    ward.engine.away(True)
    ward.run(30)
    ward.engine.fail_health(web)
    ward.run(300)
    assert ward.acts(web) == []
    ward.engine.away(False)
    ward.run(60)
    assert ward.acts(web) == ["restart"]


def test_first_look_then_act():
    ward = Ward()
    web = ward.add("web")
    ward.engine.fail_health(web)
    ward.run(9)
    assert ward.acts(web) == []
    ward.run(5)
    assert ward.acts(web) == ["restart"]


def test_healing_is_switched_on_by_a_grant_and_off_by_the_lids():
    ward = Ward()
    web = ward.add("web", leave=False)
    ward.run(60)
    ward.engine.fail_health(web)
    ward.run(60)
    ward.grant("web", "enforce")
    ward.run(60)
    assert ward.acts(web) == ["restart"]
    capped = Ward(max=Mode.OBSERVE)
    other = capped.add("web")
    capped.run(60)
    capped.engine.fail_health(other)
    capped.run(600)
    assert capped.acts(other) == []


def test_an_answer_that_never_came_is_not_a_second_act():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    ward.lose_answers = True
    ward.engine.fail_health(web)
    ward.run(600)
    assert ward.acts(web) == ["restart"]
    ward.restart_healer()
    ward.run(600)
    assert ward.acts(web) == ["restart"]


def test_a_flapping_container_is_bounded_by_its_windows():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    for _ in range(120):
        ward.engine.fail_health(web)
        ward.run(30)
    assert len(ward.acts(web)) <= 10


def test_a_paramedic_container_is_never_touched():
    ward = Ward()
    own = ward.add("paramedic", is_self=True)
    ward.run(60)
    ward.engine.fail_health(own)
    ward.run(600)
    assert ward.acts(own) == []


def test_what_was_run_with_rm_is_shown_as_refused_once_and_never_touched():
    ward = Ward()
    web = ward.add("web", auto_remove=True)
    ward.run(60)
    ward.engine.fail_health(web, cured_by=None)
    ward.run(86400)
    assert ward.engine.acts == []
    assert ward.engine.inspect(web).running
    (decision,) = ward.records("decision")
    assert (decision.body["decision"], decision.body["gate"]) == ("refuse", "ours")
    assert decision.body["text"].startswith("Not restarted: it was run with --rm")
    assert "without --rm" in decision.body["allow"]
    assert not ward.records("would_act")


def test_a_pause_after_a_heal_hands_it_over_and_is_no_failed_try():
    ward = Ward(give_up_after=1)
    web = ward.add("web")
    ward.run(60)
    ward.engine.fail_health(web)
    ward.run(0.2)
    assert ward.acts(web) == ["restart"]
    ward.engine.pause(web)
    ward.run(600)
    assert [r.body["verdict"] for r in ward.records("verdict")] == ["unknown"]
    assert outcome(ward, "web") == [("closed", "person")]
    ward.engine.pause(web, on=False)
    ward.run(600)
    ward.engine.fail_health(web)
    ward.run(600)
    assert ward.acts(web) == ["restart", "restart"]
    assert not ward.records("gave_up")


def test_a_fault_that_a_pause_ends_is_in_a_persons_hands():
    ward = Ward()
    web = ward.add("web", leave=False)
    ward.run(60)
    ward.engine.fail_health(web)
    ward.run(30)
    ward.engine.pause(web)
    ward.run(60)
    assert outcome(ward, "web") == [("closed", "person")]
    assert ward.records("closed")[0].body["text"] == "Somebody paused it."
