"""The command line against the real roles on a real engine: what stand-ins answer in tests/app is what roles answer."""

import json
import os
import time

import pytest

from support_paramedic import paramedic

pytestmark = pytest.mark.engine

ALL = ("runtime", "collector", "healer", "hub")
SICK = ("sh", "-c", "exec sleep 100000")
CHECK = ("--health-cmd", "false", "--health-interval", "0.5s", "--health-retries", "1", "--stop-timeout", "1")


def until(found, within=20.0):
    """What `found` gives as soon as it gives anything."""
    end = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < end, "it did not come to that"
    return result


@pytest.fixture
def engine(private_engine):
    yield private_engine
    names = private_engine.docker("ps", "-aq", "--filter", "name=cli-").split()
    private_engine.remove(*names)


@pytest.fixture
def sick(engine):
    """A container that is unhealthy and observed."""
    engine.run("cli-sick", *SICK, options=CHECK)
    engine.wait(lambda: engine.inspect("cli-sick")["State"]["Health"]["Status"] == "unhealthy")
    return "cli-sick"


def test_the_story_of_one_container(engine, sick):
    with paramedic(engine.host, hub__listen="127.0.0.1:0", collector__listen="127.0.0.1:0", roles=ALL) as running:
        running.wait_journal("decision", sick)
        (row,) = json.loads(running.cli("plan", "-o", "json").stdout)
        assert (row["name"], row["decision"], row["gate"]) == (sick, "refuse", "mode")
        assert f"paramedic heal enable {sick}" in running.cli("plan").stdout

        story = running.cli("explain", sick)
        assert story.returncode == 0
        for text in ("unhealthy", "Mode:    observe", "Would:   restart: refuse at the gate mode", "Lately:"):
            assert text in story.stdout, text
        assert running.cli("why", "cli-sikc").stderr.strip().endswith("did you mean 'cli-sick'?")

        before = running.cli("journal").stdout
        assert "opened" in before
        assert "[mode]" in before

        since = time.time()
        assert running.cli("heal", "enable", sick).stdout == f"{sick}: granted enforce\n"
        running.wait_journal("outcome", sick)
        engine.wait_events(bool, since=since, target=sick, actions=("restart",))
        listed = json.loads(running.cli("heal", "list", "-o", "json").stdout)
        assert listed[sick]["mode"] == "enforce"


def test_status_counts_what_each_role_costs(engine, sick):
    with paramedic(engine.host, hub__listen="127.0.0.1:0", collector__listen="127.0.0.1:0", roles=ALL) as running:
        running.wait_journal("decision", sick)
        done = running.cli("status", "-o", "json")
        assert done.returncode == 3, done
        status = json.loads(done.stdout)
        assert status["engine"]["status"] == "connected"
        assert status["containers"]["health"]["unhealthy"] >= 1
        roles = {role["role"]: role for role in status["roles"]}
        assert set(roles) == {"supervisor", *ALL}
        assert all(r["pid"] and r["rss"] > 1 << 20 and r["up"] > 0 for r in roles.values())
        if os.geteuid() == 0:
            assert all(r["pss"] > 1 << 20 for r in roles.values())
        assert running.cli("healthcheck").returncode == 0


def test_freeze_with_everything_dead_still_counts(engine, sick):
    with paramedic(engine.host) as running:
        running.wait_journal("decision", sick)
        running.stop()
        assert running.cli("plan").returncode == 4
        assert running.cli("healthcheck").returncode == 1
        assert running.cli("freeze", "--reason", "by hand").returncode == 0
        running.start()
        since = time.time()
        running.cli("heal", "enable", sick)
        assert "by hand" in running.cli("doctor").stdout
        (row,) = until(lambda: json.loads(running.cli("plan", "-o", "json").stdout))
        assert row["decision"] == "refuse"
        assert "FREEZE" in row["allow"]
        assert not engine.events(since, target=sick, actions=("restart",))
        assert running.cli("freeze", "--off").returncode == 0
        running.wait_journal("outcome", sick)
        engine.wait_events(bool, since=since, target=sick, actions=("restart",))


def test_doctor_on_a_real_engine(engine, sick):
    engine.run("cli-plain", *SICK, options=("--label", "paramedic.heel=true", "--label", "autoheal=true"))
    with paramedic(engine.host, hub__listen="127.0.0.1:0", collector__listen="127.0.0.1:0", roles=ALL) as running:
        found = json.loads(running.cli("doctor", "-o", "json").stdout)
        by_name = {}
        for verdict in found:
            by_name.setdefault(verdict["name"], []).append(verdict)
        assert by_name["engine"][0]["level"] == "ok"
        assert {v["what"] for v in by_name["roles"]} >= {f"{role} is ready" for role in ALL}
        assert "cli-plain" in by_name["health checks"][0]["what"]
        assert "did you mean paramedic.heal" in by_name["labels: spelling"][0]["what"]
        assert all(v["mend"] for v in found if v["level"] != "ok")
        assert all("could not be looked at" not in v["what"] for v in found)
