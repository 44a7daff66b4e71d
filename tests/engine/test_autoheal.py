"""docker-autoheal's users change the image's name: the same variables, the same labels, on a real engine."""

import contextlib
import os
import time

import pytest

from support_paramedic import paramedic
from support_receivers import receiver
from support_wait import wait_until

pytestmark = pytest.mark.engine

CHECK = ("--health-cmd", "test -f /tmp/well", "--health-interval", "0.5s", "--health-retries", "1")
WELL = ("sh", "-c", "touch /tmp/well; exec sleep 100000")
TOUCHED = ("kill", "restart", "start", "stop")
OUTVOTED = ("healer.startup_grace", "healer.backoff_first", "healer.backoff_most", "runtime.engine")
"""Settings of the tests' own that would outvote the variables."""


@pytest.fixture
def engine(private_engine):
    yield private_engine
    private_engine.remove(*private_engine.docker("ps", "-aq", "--filter", "name=auto-").split())


@contextlib.contextmanager
def switched(engine, **env):
    """`paramedic run` as docker-autoheal was run: with its variables, and nothing said in our own way about them."""
    roles = ("runtime", "collector", "healer", "hub")
    variables = {"DOCKER_SOCK": str(engine.socket), "AUTOHEAL_START_PERIOD": "0", "AUTOHEAL_INTERVAL": "5", **env}
    with paramedic(engine.host, roles=roles, start=False, hub__listen="127.0.0.1:0", collector__listen="") as running:
        for name in OUTVOTED:
            del running.settings[name]
        running.start({**os.environ, **variables})
        yield running


def sicken(engine, name):
    engine.wait(lambda: engine.inspect(name)["State"]["Health"]["Status"] == "healthy")
    since = time.time()
    engine.docker("exec", name, "rm", "/tmp/well")
    return since


def test_with_all_a_container_is_healed_and_told_in_its_shape_and_nothing_else_is_touched(engine):
    engine.run("auto-web", *WELL, options=(*CHECK, "--label", "autoheal.stop.timeout=1"))
    engine.run("auto-no", *WELL, options=(*CHECK, "--label", "autoheal=False", "--stop-timeout", "1"))
    engine.run("auto-stopped", "sh", "-c", "trap 'exit 3' TERM; sleep 100000 & wait", options=("--stop-timeout", "5"))
    with receiver() as hook:
        told = {"WEBHOOK_URL": f"{hook.url}/h", "WEBHOOK_JSON_KEY": "text"}
        with switched(engine, AUTOHEAL_CONTAINER_LABEL="all", **told) as running:
            # A person stops one; it ends with an error code, and stays stopped.
            engine.docker("stop", "auto-stopped")
            since = sicken(engine, "auto-web")
            sicken(engine, "auto-no")
            running.wait_journal("closed", "auto-web")
            wait_until(lambda: any("auto-web well again" in b["text"] for b in hook.bodies()), 30)
            assert [e["Action"] for e in engine.events(since, target="auto-web", actions=("restart",))] == ["restart"]
            assert [list(b) for b in hook.bodies()] == [["text"]] * len(hook.got)
            assert engine.events(since, target="auto-no", actions=TOUCHED) == []
            assert engine.inspect("auto-stopped")["State"]["Status"] == "exited"
            assert not [r for r in running.journal("intent") if r["name"] != "auto-web"]
            # The label's second, not the ten of the engine: `sleep` as process 1 hears no SIGTERM.
            ((kill, die),) = [
                [e["timeNano"] for e in engine.events(since, target="auto-web", actions=("kill", "die"))
                 if e["Action"] == "die" or e["Actor"]["Attributes"].get("signal") == "15"]
            ]  # fmt: skip
            assert 0.5e9 < die - kill < 6e9
            shown = running.cli("notify", "status").stdout
            assert "WEBHOOK_URL" in shown
            assert "/h" not in shown.replace("http://", "")


def test_with_a_label_only_its_containers_are_healed_and_only_the_running(engine):
    engine.run("auto-mine", *WELL, options=(*CHECK, "--label", "heal-me=true", "--stop-timeout", "1"))
    engine.run("auto-other", *WELL, options=(*CHECK, "--label", "autoheal=true", "--stop-timeout", "1"))
    engine.run("auto-job", "sh", "-c", "sleep 3; exit 3", options=("--label", "heal-me=true"))
    with switched(engine, AUTOHEAL_CONTAINER_LABEL="heal-me", AUTOHEAL_ONLY_MONITOR_RUNNING="true") as running:
        since = sicken(engine, "auto-mine")
        sicken(engine, "auto-other")
        running.wait_journal("closed", "auto-mine")
        running.wait_journal("would_act", "auto-other")
        engine.wait(lambda: engine.inspect("auto-job")["State"]["Status"] == "exited")
        assert [e["Action"] for e in engine.events(since, target="auto-mine", actions=("restart",))] == ["restart"]
        assert engine.events(since, target="auto-other", actions=TOUCHED) == []
        assert engine.events(since, target="auto-job", actions=("start",)) == []
        assert running.journal("opened", "auto-job") == []
