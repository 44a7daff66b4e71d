"""Nothing outlives the supervisor, whatever ended it, and a clean stop is bounded."""

import os
import re
import signal

import pytest

from support_supervisor import ROLES, SOON, Running, alive, short_folder, until


@pytest.fixture
def folder():
    with short_folder() as path:
        yield path


def all_gone(pids):
    until(lambda: not any(alive(p) for p in pids), "every child ends")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_in_reverse_order(folder, number):
    with Running(folder, log_level="debug") as supervisor:
        pids = supervisor.start().pids()
        supervisor.signal(number)
        assert supervisor.process.wait(20) == 0
        ends = re.findall(r"supervisor: (\w+) exited with status 0", supervisor.lines())
        assert ends == list(reversed(ROLES))
        all_gone(pids.values())
        left = {p.name for p in (supervisor.data / "run").iterdir()}
        assert left == {"supervisor.lock"}


@pytest.mark.parametrize("deaf", [("hub",), ("runtime",), ROLES])
def test_a_deaf_child_does_not_hold_it_up(folder, deaf):
    with Running(folder) as supervisor:
        pids = supervisor.start().pids()
        for role in deaf:
            supervisor.tell(role, "deaf")
        assert supervisor.stop() < SOON
        assert supervisor.lines().count("killed by SIGKILL (it did not stop in time)") == len(deaf)
        all_gone(pids.values())


def test_a_frozen_child_does_not_hold_it_up(folder):
    with Running(folder) as supervisor:
        pids = supervisor.start().pids()
        os.kill(pids["healer"], signal.SIGSTOP)
        assert supervisor.stop() < SOON
        all_gone(pids.values())


def test_stopping_while_roles_start(folder):
    with Running(folder) as supervisor:
        supervisor.tell("collector", "late")
        supervisor.start(wait=False)
        until(lambda: supervisor.role("collector").get("pid"), "the collector is forked")
        pids = supervisor.pids()
        assert supervisor.stop() < SOON
        all_gone(pids.values())


def test_no_child_survives_a_killed_supervisor(folder):
    """PR_SET_PDEATHSIG, also after the change of uid that clears it; and the next one can start at once."""
    for _ in range(3):
        with Running(folder) as supervisor:
            pids = supervisor.start().pids()
            assert len(pids) == len(ROLES)
            supervisor.process.kill()
            supervisor.process.wait()
            all_gone(pids.values())


def test_no_child_survives_a_supervisor_killed_in_the_middle_of_a_fork(folder):
    """The parent dies right after fork(2), before the child has done anything: the child must notice by itself."""
    for turn in range(5):
        with Running(folder, env={"PARAMEDIC_FAULTS": f"supervisor.after_fork={folder}/died-{turn}"}) as supervisor:
            supervisor.start(wait=False)
            assert supervisor.process.wait(40) == -signal.SIGKILL
            mine = str(supervisor.data)
            until(lambda m=mine: not holders(m), "no process holds the data directory")


def holders(folder):
    """Processes with an open file below `folder`, or a parent-less child of ours."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            files = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if any(f.startswith(folder) for f in files):
            found.append(pid)
    return found


@pytest.mark.parametrize("point", ["child.before_build", "child.before_ready"])
def test_a_role_that_dies_while_it_starts_is_started_again(folder, point):
    marks = folder / "marks"
    marks.mkdir()
    marks.chmod(0o777)
    with Running(folder, env={"PARAMEDIC_FAULTS": f"{point}={marks}/died"}) as supervisor:
        supervisor.start()
        assert sum(r["restarts"] for r in supervisor.state()["roles"].values()) == 1
        assert (marks / "died").exists()


def test_a_second_supervisor_is_refused_and_the_first_goes_on(folder):
    with Running(folder) as first:
        first.start()
        second = Running(folder)
        second.log = folder / "log2"
        second.start(wait=False)
        assert second.process.wait(40) == 1
        assert f"another paramedic (process {first.process.pid}) runs on {first.data}" in second.lines()
        assert first.all_up()
        assert first.answers("runtime")
