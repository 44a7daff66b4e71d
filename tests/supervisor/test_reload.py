"""SIGHUP: the roles whose part changed are replaced, runtime last; a mistake changes nothing."""

import os
import re
import signal
import time

import pytest

from paramedic_core.sys.supervision import exposition
from support_supervisor import ROLES, SOON, Running, short_folder, until


@pytest.fixture
def running():
    with short_folder() as folder:
        (folder / "p.yaml").write_text("node: one\n")
        with Running(folder, files=(str(folder / "p.yaml"),), log_level="debug") as supervisor:
            yield supervisor.start()


def write(running, text):
    (running.folder / "p.yaml").write_text(text)
    before = running.state()["reload"]["at"]
    running.signal(signal.SIGHUP)
    until(lambda: running.state()["reload"]["at"] != before, "the reload is judged")
    return running.state()["reload"]


def in_force(running, times=1):
    until(lambda: running.lines().count("the new configuration is in force") == times, "the roles are replaced")


def test_only_the_concerned_role_is_replaced(running):
    before = running.pids()
    assert write(running, "node: one\nhub:\n  streams: 7\n")["successful"] is True
    in_force(running)
    after = running.pids()
    assert {r for r in before if before[r] != after[r]} == {"hub"}
    assert running.role("hub")["restarts"] == 0


def test_runtime_comes_last_and_each_waits_for_the_one_before(running):
    write(running, "node: two\n")
    in_force(running)
    ends = re.findall(r"supervisor: (\w+) exited", running.lines())
    assert ends == list(reversed(ROLES))
    assert {running.whoami(role)["node"] for role in running.pids()} == {"two"}
    steps = re.findall(r"(?:supervisor: (?=\w+ exited)|debug   )(\w+)(?:: (started)| (exited))", running.lines())
    order = [(role, started or exited) for role, started, exited in steps][len(ROLES) :]
    assert order == [(r, what) for r in reversed(ROLES) for what in ("exited", "started")]


def test_a_mistake_changes_nothing_and_lists_all(running):
    before = running.pids()
    verdict = write(running, "node: two\nhub:\n  strems: 7\nhealer:\n  default: perhaps\n")
    assert verdict["successful"] is False
    assert "streams" in verdict["mistakes"]
    for word in ("nothing was changed", "hub.strems", "did you mean 'streams'?", "healer.default"):
        assert word in running.lines()
    assert running.pids() == before
    assert running.whoami("hub")["node"] == "one"
    assert write(running, "node: one\n")["successful"] is True
    assert running.pids() == before


def test_a_missing_file_and_a_moved_data_directory_are_mistakes(running):
    (running.folder / "p.yaml").rename(running.folder / "away")
    running.signal(signal.SIGHUP)
    until(lambda: running.state()["reload"]["successful"] is False, "it is refused")
    assert running.all_up()


def test_a_role_that_is_killed_after_a_reload_gets_the_new_settings(running):
    write(running, "node: two\n")
    in_force(running)
    pid = running.pids()["collector"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.pids().get("collector") not in (None, pid) and running.all_up(), "it is back")
    assert running.whoami("collector")["node"] == "two"


def test_many_at_once_end_well(running):
    for turn in range(10):
        (running.folder / "p.yaml").write_text(f"node: n{turn}\n")
        running.signal(signal.SIGHUP)
        time.sleep(
            0.05
        )  # signals of one number that come together are one: this gives some of them a life of their own
    until(
        lambda: running.all_up() and {(running.answers(r) or {}).get("node") for r in running.pids()} == {"n9"},
        "the last counts",
        within=30,
    )
    assert all(running.role(r)["restarts"] == 0 for r in running.pids())


def test_one_that_crashes_does_not_keep_the_others_from_the_new_settings(running):
    running.tell("hub", "crash")
    write(running, "node: two\n")
    in_force(running)
    assert running.whoami("runtime")["node"] == "two"
    (running.control / "hub").unlink()
    running.wait_up()
    assert running.whoami("hub")["node"] == "two"


def test_stopping_during_a_reload(running):
    running.tell("healer", "deaf")
    (running.folder / "p.yaml").write_text("node: two\n")
    running.signal(signal.SIGHUP)
    until(lambda: running.role("healer")["stage"] == "stopping", "the healer's turn")
    assert running.stop() < SOON


def test_the_last_reload_is_a_metric(running):
    assert exposition(running.folder) == ""
    assert "paramedic_config_last_reload_successful 1\n" in exposition(running.data)
    write(running, "node: [\n")
    told = exposition(running.data)
    assert "paramedic_config_last_reload_successful 0\n" in told
    assert 'paramedic_role_up{role="hub"} 1\n' in told
    assert 'paramedic_role_restarts_total{role="runtime"} 0\n' in told
