"""`status` and `healthcheck`."""

import json
import os

from paramedic_core.world import Engine, EngineStatus, Hands
from support_console import container, plan_row, sick, world


def test_all_is_well(run, stage):
    stage.world = world(container("web"), container("api"))
    stage.modes = {"shop/web": {"mode": "enforce"}, "shop/api": {"mode": "observe"}}
    stage.up()
    answer = run("status")
    assert answer.status == 0, answer
    assert "20.10.24 (API 1.41) at unix:///x/docker.sock, cgroup v2 (systemd)" in answer.out
    assert "2 containers: 2 running" in answer.out
    assert "1 enforce, 1 observe; 0 open incidents" in answer.out
    for role in ("runtime", "collector", "healer", "hub"):
        line = next(line for line in answer.out.splitlines() if line.startswith(role))
        assert "ready" in line
        assert str(os.getpid()) in line
        assert "MiB" in line


def test_json_has_the_figures(run, stage):
    stage.world = world(sick("web"))
    # What waits for its turn is not held: the page counts as this does.
    stage.plan = [plan_row(sick("web")), {**plan_row(sick("api")), "decision": "wait", "gate": "cooldown"}]
    stage.incidents = [{"id": "1"}]
    stage.up()
    answer = run("status", "-o", "json", "--sample", "0.05")
    assert answer.status == 3
    document = json.loads(answer.out)
    assert document["host"] == "0123456789ab"
    assert document["containers"] == {"states": {"running": 1}, "health": {"unhealthy": 1}}
    assert (document["healing"]["open"], document["healing"]["would_heal"]) == (1, 1)
    assert all(role["rss"] > 1_000_000 and role["cpu_seconds"] > 0 for role in document["roles"])
    if os.geteuid() == 0:
        assert all(role["pss"] > 1_000_000 for role in document["roles"])


def test_what_is_wrong_is_named(run, stage):
    gone = Engine(EngineStatus.AWAY, since=1.0, reason="nobody answers at /run/docker.sock")
    stage.world = world(engine=gone, hands=Hands(ready=False, reason="the disk is full", frozen=True))
    stage.unready = {"collector": "no World yet"}
    stage.up()
    stage.down("hub")
    answer = run("status")
    assert answer.status == 3
    for text in (
        "nobody answers at /run/docker.sock",
        "the disk is full",
        "FROZEN",
        "part: no World yet",
        "the roles share one uid",
    ):
        assert text in answer.out, text
    assert "away" in next(line for line in answer.out.splitlines() if line.startswith("hub"))


def test_runtime_alone_is_away(run, stage):
    stage.up("healer", "hub", "collector")
    answer = run("status")
    assert answer.status == 3
    assert "the role runtime is not running here" in answer.out


def test_a_stale_pid_is_not_taken_for_a_role(run, stage):
    stage.up().down()
    (stage.data / "run" / "hub.pid").write_text("1\n")
    os.utime(stage.data / "run" / "hub.pid", (1, 1))
    (stage.data / "run" / "healer.pid").write_text("no number")
    answer = run("status")
    assert answer.status == 4
    assert "away" in next(line for line in answer.out.splitlines() if line.startswith("hub"))


def test_the_supervisor_has_its_own_row(run, stage):
    stage.up("runtime", "healer")
    roles = {
        "runtime": {"restarts": 0},
        "healer": {"restarts": 3, "last_exit": {"at": 1, "how": "killed by SIGKILL", "why": ""}},
    }
    report = {"pid": os.getpid(), "roles": roles, "reload": {"successful": True}}
    path = stage.data / "run" / "supervisor.json"
    path.write_text(json.dumps(report))
    answer = run("status")
    assert answer.status == 0
    assert "supervisor" in answer.out
    assert "hub" not in answer.out, "it was told to run two roles only"
    stage.unready = {"healer": "no World yet"}
    assert "its last end: killed by SIGKILL" in run("status").out
    path.write_text(json.dumps(report | {"reload": {"successful": False, "mistakes": "1 setting is wrong"}}))
    answer = run("status")
    assert answer.status == 3
    assert "the last reload changed nothing: 1 setting is wrong" in answer.out
    path.write_text(json.dumps(report | {"pid": 2**22 - 1}))
    assert "nobody starts the roles again" in run("status").out
    for damaged in (
        "",
        "[]",
        "{}",
        '{"pid": "x", "roles": {}}',
        '{"pid": 1, "roles": [3]}',
        '{"pid": 1, "roles": {"a": 3}}',
    ):
        path.write_text(damaged)
        assert "Traceback" not in run("status").err


def test_a_role_that_never_came_is_not_healthy(run, stage):
    stage.up("runtime")
    (stage.data / "run" / "supervisor.json").write_text(json.dumps({"pid": 1, "roles": {"runtime": {}, "healer": {}}}))
    answer = run("healthcheck")
    assert answer.status == 1
    assert "healer:" in answer.err


def test_healthcheck(run, stage):
    assert run("healthcheck").status == 1
    stage.up()
    assert run("healthcheck").status == 0
    stage.unready = {"hub": "no disk"}
    answer = run("healthcheck")
    assert answer.status == 1
    assert "hub: not healthy: no disk" in answer.err
    assert run("healthcheck", "--role", "healer").status == 0
    stage.unready = {}
    stage.servers["healer"].stop()
    assert run("healthcheck").status == 1
