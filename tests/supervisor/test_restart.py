"""Roles that end, hang or fall ill are replaced, with backoff, and counted."""

import os
import random
import re
import signal

import pytest

from support_supervisor import ROLES, SOON, Running, short_folder, until


@pytest.fixture
def folder():
    with short_folder() as path:
        yield path


def test_twenty_kills_at_random(folder):
    order = [role for role in ROLES for _ in range(5)]
    random.Random(1).shuffle(order)
    with Running(folder) as supervisor:
        supervisor.start()
        for role in order:
            pid = until(lambda r=role: supervisor.pids().get(r), f"{role} runs")
            os.kill(pid, signal.SIGKILL)
            until(lambda r=role, p=pid: supervisor.pids().get(r) not in (None, p), f"{role} is started again")
        supervisor.wait_up()
        assert all(supervisor.answers(role) for role in ROLES)
        roles = supervisor.state()["roles"]
        assert sum(r["restarts"] for r in roles.values()) == len(order)
        assert {r["last_exit"]["how"] for r in roles.values()} == {"killed by SIGKILL"}


def test_the_others_do_not_notice(folder):
    with Running(folder) as supervisor:
        before = supervisor.start().pids()
        os.kill(before["hub"], signal.SIGKILL)
        until(lambda: supervisor.all_up() and supervisor.pids()["hub"] != before["hub"], "the hub is back")
        after = supervisor.pids()
        assert {r: after[r] for r in ("runtime", "collector", "healer")} == {
            r: before[r] for r in ("runtime", "collector", "healer")
        }


def test_one_that_always_crashes_waits_longer_and_longer(folder):
    with Running(folder) as supervisor:
        supervisor.tell("healer", "crash")
        supervisor.start(wait=False)
        until(lambda: supervisor.role("healer").get("restarts", 0) >= 5, "five restarts")
        waits = re.findall(r"healer exited with status 1; it starts again in ([\d.]+) s", supervisor.lines())
        assert waits[:5] == ["0.0", "0.1", "0.2", "0.4", "0.8"]
        assert r"RuntimeError: told to crash\nwith a second line and \x1b[31mcolour" in supervisor.lines()
        assert supervisor.answers("runtime")
        (supervisor.control / "healer").unlink()
        supervisor.wait_up()
        assert supervisor.stop() < SOON


@pytest.mark.parametrize("word", ["ill", "frozen"])
def test_one_that_is_not_healthy_three_times_is_replaced(folder, word):
    with Running(folder, ask_every=1.0) as supervisor:
        before = supervisor.start().pids()
        if word == "ill":
            supervisor.tell("collector", "ill")
        else:
            os.kill(before["collector"], signal.SIGSTOP)
        until(lambda: supervisor.role("collector")["restarts"] == 1, "it is replaced")
        (supervisor.control / "collector").unlink(missing_ok=True)
        supervisor.wait_up()
        assert supervisor.role("collector")["restarts"] in (1, 2)
        assert supervisor.pids()["runtime"] == before["runtime"]
        told = "says that it is not healthy" if word == "ill" else "does not answer"
        assert supervisor.role("collector")["last_exit"]["why"] == f"it {told}"
        assert f"collector {told} (3 in a row)" in supervisor.lines()


def test_only_the_asked_roles_run(folder):
    with Running(folder, roles=("collector", "hub")) as supervisor:
        assert set(supervisor.start().pids()) == {"collector", "hub"}
        assert not (supervisor.data / "runtime").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another")
def test_a_plain_user_is_told_once_that_there_is_no_boundary(folder):
    os.chown(folder, 1234, 1234)
    with Running(folder, env={"STANDIN_UID": "1234"}) as supervisor:
        supervisor.start()
        assert {supervisor.whoami(role)["Uid"].split()[0] for role in ROLES} == {"1234"}
        assert supervisor.lines().count("there is no boundary between them") == 1
        assert supervisor.state()["separated"] is False
        assert supervisor.stop() < SOON
