"""Commands that ask roles: what they show, and what they say when a role is away or rights are missing."""

import json
import os
import subprocess
import sys
import time

import pytest

from paramedic_core.model import EndedBy, Ending, State
from support_console import container, crashed, plan_row, record, sick, world

ASKING = [("status",), ("plan",), ("journal",), ("explain", "web"), ("heal", "list"), ("heal", "enable", "web")]


@pytest.mark.parametrize("argv", ASKING)
def test_nothing_runs(run, stage, argv):
    answer = run(*argv)
    assert answer.status == 4
    said = answer.out + answer.err
    assert "paramedic run --data" in said or "is not running" in said


@pytest.mark.parametrize("argv", ASKING)
def test_no_such_data_directory(run, argv):
    answer = run(*argv, "--data", "/nonexistent/there")
    assert answer.status == 4
    assert "no data directory /nonexistent/there" in answer.out + answer.err


@pytest.mark.parametrize("argv", [a for a in ASKING if a[0] != "status"])
def test_a_role_that_died_left_its_socket(run, stage, argv):
    stage.up().down()
    answer = run(*argv)
    assert answer.status == 4
    assert "is down" in answer.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody without rights")
@pytest.mark.parametrize("argv", [*ASKING, ("token", "list")])
def test_without_rights(stage, argv):
    stage.up()
    for folder in (stage.data, stage.data / "run"):
        folder.chmod(0o750)
    stage.data.parent.chmod(0o755)
    # Everything is imported first: Python's own folders need not be open to others.
    code = (
        "import importlib, os, pkgutil, paramedic.commands; from paramedic.cli import main;"
        "[importlib.import_module(f'paramedic.commands.{m.name}') for m in pkgutil.iter_modules(paramedic.commands.__path__)];"
        f"os.setgroups([]); os.setgid(65534); os.setuid(65534); raise SystemExit(main({list(argv)!r}))"
    )
    env = {"PARAMEDIC_DATA": str(stage.data), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30, env=env, check=False
    )
    assert done.returncode == 5, done
    assert "as root" in done.stderr
    assert "Traceback" not in done.stderr


def test_plan_says_what_holds_and_what_would_allow(run, stage):
    web = sick("web")
    stage.plan = [plan_row(web), plan_row(sick("api"), decision="do", gate="", reason="all gates are open", allow="")]
    stage.up()
    answer = run("plan")
    assert answer.status == 0
    assert "web" in answer.out
    assert "it is only observed" in answer.out
    assert "`paramedic heal enable shop/web`" in answer.out
    assert json.loads(run("plan", "-o", "json").out) == stage.plan
    stage.plan = []
    assert "nothing to heal" in run("plan").out
    stage.note = "the engine does not answer"
    answer = run("plan")
    assert (answer.status, answer.out, answer.err) == (3, "", "finding: the engine does not answer\n")


def test_journal(run, stage):
    stage.records = [
        record(1, "opened", text="its health check fails"),
        record(2, "decision", decision="refuse", gate="mode", reason="it is only observed"),
        record(3, "outcome", name="api", status="done", text="restarted"),
    ]
    stage.up()
    lines = run("journal").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    assert "[mode]" in lines[2]
    assert [r["seq"] for r in json.loads(run("journal", "-n", "2", "-o", "json").out)] == [2, 3]
    assert [r["seq"] for r in json.loads(run("journal", "--after", "1", "-n", "1", "-o", "json").out)] == [2]
    assert [r["seq"] for r in json.loads(run("journal", "--target", "api", "-o", "json").out)] == [3]
    stage.records = []
    assert "nothing has happened yet" in run("journal").err


def test_journal_goes_on_until_the_healer_ends(run, stage):
    stage.records = [record(1, "opened")]
    stage.later = [record(1, "opened"), record(2, "decision", decision="do"), record(3, "intent", name="api")]
    stage.up()
    answer = run("journal", "--follow", "-o", "json")
    assert [json.loads(line)["seq"] for line in answer.out.splitlines()] == [1, 2, 3]
    assert answer.status == 4
    assert "call this again" in answer.err
    lines = run("journal", "-f", "--target", "web").out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]


def test_explain_tells_the_story(run, stage):
    web = sick("web")
    stage.world = world(web, container("vpn", network_mode=f"container:{web.id}"))
    stage.plan = [plan_row(web)]
    stage.modes = {
        "shop/web": {"mode": "observe", "from": "nothing speaks of it", "allow": "`paramedic heal enable shop/web`"}
    }
    stage.incidents = [
        {"id": "7", "name": "web", "title": "web is unhealthy", "state": "held", "tries": 0, "opened_at": 1.0}
    ]
    stage.records = [record(1, "opened", text="its health check fails")]
    stage.up()
    answer = run("explain", "web")
    assert answer.status == 0
    for text in (
        "Service: shop/web",
        "State:   running for 5m",
        "unhealthy for 1m, 4 failed checks in a row",
        "vpn lives in its network",
        "Mode:    observe: nothing speaks of it",
        "restart: refuse at the gate mode: it is only observed",
        "Allow:   `paramedic heal enable shop/web`",
        "Incident 7: web is unhealthy; held, 0 tries",
        "its health check fails",
    ):
        assert text in answer.out, text
    (story,) = json.loads(run("explain", web.short_id, "-o", "json").out)
    assert story["service"] == "shop/web"
    assert run("explain", "shop/web").status == 0


def test_explain_names_no_leave_for_paramedic_itself(run, stage):
    stage.world = world(container("own", is_self=True))
    stage.modes = {"shop/own": {"mode": "observe", "from": "nothing speaks of it", "allow": "`paramedic heal enable`"}}
    stage.up()
    answer = run("explain", "own")
    assert "it never acts on it" in answer.out
    assert "Allow:" not in answer.out


def test_explain_of_an_ended_container_and_without_the_healer(run, stage):
    stage.world = world(crashed("job", restarts=3))
    stage.up("runtime")
    answer = run("explain", "job")
    assert answer.status == 0
    assert "exited 30s ago with status 3, ended by itself" in answer.out
    assert "3 restarts by it" in answer.out
    assert "Mode:    not known: the role healer is not running" in answer.out


def test_explain_shows_no_ending_of_what_is_paused(run, stage):
    before = {"finished_at": time.time() - 300, "ending": Ending(time.time() - 300, EndedBy.US, "SIGTERM", 143)}
    stage.world = world(container("web", state=State.PAUSED, auto_remove=True, **before))
    stage.up()
    answer = run("explain", "web")
    assert "State:   paused\n" in answer.out
    assert "SIGTERM" not in answer.out
    assert "(--rm), so paramedic never acts on it" in answer.out


def test_explain_of_nothing(run, stage):
    stage.world = world(container("frontend"))
    stage.up()
    answer = run("explain", "fronted")
    assert answer.status == 1
    assert "did you mean 'frontend'?" in answer.err


def test_heal(run, stage):
    stage.modes = {"shop/web": {"mode": "enforce", "from": "a grant", "warnings": ["the label x is wrong"]}}
    stage.up()
    listed = run("heal", "list").out
    assert "enforce" in listed
    assert "warning: the label x is wrong" in listed
    answer = run("heal", "enable", "web")
    assert (answer.status, answer.out) == (0, "shop/web: granted enforce\n")
    assert run("heal", "reset", "web").status == 0
    assert [body for _, body, _ in stage.posted] == [
        {"service": "web", "mode": "enforce"},
        {"service": "web", "mode": "default"},
    ]


def test_a_mistyped_service_of_the_running_configuration_is_named(run, stage):
    """Neither command has read the file itself: what counts is what the healer goes by."""
    stage.world = world(container("web"))
    stage.named = ["shop/wbe", "shop/web"]
    stage.up()
    said = "healer.services speaks of shop/wbe, which is not on this host (did you mean shop/web?)"
    listed = run("heal", "list")
    assert (listed.status, listed.err.count("finding:")) == (0, 1)
    assert said in listed.err
    assert said in run("doctor").out
    stage.down("runtime")
    assert run("heal", "list").status == 0


def test_heal_says_when_something_stronger_speaks(run, stage):
    stage.modes = {"shop/web": {"mode": "off", "from": "healer.services says shop/web: off"}}
    stage.up()
    answer = run("heal", "enable", "web")
    assert answer.status == 3
    assert "but it stays off: healer.services says" in answer.err
    assert json.loads(run("heal", "enable", "web", "-o", "json").out)["effective"]["mode"] == "off"


def test_heal_of_an_unknown_service_and_without_leave(run, stage):
    stage.unknown_service = True
    stage.up()
    answer = run("heal", "enable", "wbe")
    assert answer.status == 1
    assert "did you mean web?" in answer.err
    stage.unknown_service, stage.refuse = False, True
    answer = run("heal", "enable", "web")
    assert answer.status == 5
    assert "--token" in answer.err


def test_a_token_is_sent(run, stage, monkeypatch):
    stage.up()
    monkeypatch.setenv("PARAMEDIC_TOKEN", "paramedic_x")
    run("heal", "enable", "web")
    assert stage.posted[0][2]["authorization"] == "Bearer paramedic_x"


@pytest.mark.parametrize("argv", [("status",), ("plan",), ("explain", "web"), ("heal", "list"), ("doctor",)])
def test_a_role_that_answers_nonsense(run, stage, argv):
    """A sibling of another version, or a bug: a message and no trace."""
    stage.world = world(sick("web"))
    stage.plan, stage.modes, stage.incidents = [3, None], {"shop/web": 3}, [[]]
    stage.up()
    answer = run(*argv)
    assert answer.status in (0, 1, 3)
    assert "Traceback" not in answer.err


def test_debugging_shows_where(run, stage, monkeypatch):
    stage.plan = [3]
    stage.up()
    assert "this should not happen: AttributeError" in run("plan").err
    monkeypatch.setenv("PARAMEDIC_DEBUG", "1")
    with pytest.raises(AttributeError):
        run("plan")


def test_hostile_names_do_not_drive_the_terminal(run, stage):
    evil = "we\x1b[2Jb\u202e\x07"
    bad = sick(evil, image="i\x1b]0;x\x07")
    stage.world = world(bad)
    stage.plan = [plan_row(bad, name=evil, reason="\x1b[31mred\r", allow="\x9b31m")]
    stage.modes = {f"shop/{evil}": {"mode": "\x1b[1m", "from": evil}}
    stage.records = [record(1, "\x1b[5m", name=evil, text=evil)]
    stage.incidents = [{"id": evil, "name": evil, "title": evil, "state": evil}]
    stage.up()
    for argv in (
        ("status",),
        ("plan",),
        ("journal",),
        ("explain", bad.short_id),
        ("heal", "list"),
        ("explain", "\x1b[2J"),
    ):
        answer = run(*argv)
        assert (answer.out + answer.err).replace("\n", "").isprintable(), argv
