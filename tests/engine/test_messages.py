"""Messages of the whole of paramedic on a real engine: what is refused, given up and healed gets out, hub killed or not."""

import json
import os
import signal
import time

import pytest

from support_paramedic import paramedic
from support_receivers import receiver
from support_wait import wait_until

pytestmark = pytest.mark.engine

CHECK = (
    "--health-cmd",
    "test -f /tmp/well",
    "--health-interval",
    "0.5s",
    "--health-retries",
    "1",
    "--stop-timeout",
    "1",
)
WELL = ("sh", "-c", "touch /tmp/well; exec sleep 100000")
SICK = ("sh", "-c", "exec sleep 100000")
LEAVE = ("--label", "paramedic.heal=true")
ROLES = ("runtime", "collector", "healer", "hub")


def told(running):
    """What the command line says of messages."""
    return json.loads(running.cli("notify", "status", "-o", "json").stdout)


@pytest.fixture
def engine(private_engine):
    yield private_engine
    private_engine.remove(*private_engine.docker("ps", "-aq", "--filter", "name=tell-").split())


def test_from_the_fault_to_the_phone_while_another_receiver_hangs_and_the_hub_is_killed(engine):
    engine.run("tell-web", *WELL, options=(*CHECK, *LEAVE))
    engine.run("tell-db", *WELL, options=CHECK)
    engine.run("tell-lost", *SICK, options=(*CHECK, *LEAVE))
    with receiver() as phone, receiver(slow=60.0) as hanging, receiver() as ear:
        channels = [
            {"kind": "ntfy", "url": f"{phone.url}/my-topic", "token": "tk_1", "digest": "0s"},
            {"kind": "webhook", "url": f"{hanging.url}/x", "timeout": "60s"},
        ]
        settings = {
            "notify": json.dumps(channels),
            "hub__listen": "127.0.0.1:0",
            "hub__public_url": "https://ops.example/p/",
            "collector__listen": "",
            "heartbeat__url": f"{ear.url}/ping",
            "heartbeat__interval": "1s",
            "healer__give_up_after": "1",
        }
        with paramedic(engine.host, roles=ROLES, **settings) as running:
            for name in ("tell-web", "tell-db"):
                engine.wait(lambda name=name: engine.inspect(name)["State"]["Health"]["Status"] == "healthy")
            since = time.time()
            engine.docker("exec", "tell-db", "rm", "/tmp/well")
            engine.docker("exec", "tell-web", "rm", "/tmp/well")
            running.wait_journal("would_act", "tell-db")
            os.kill(running.pid("hub"), signal.SIGKILL)
            running.wait_journal("closed", "tell-web")
            running.wait_journal("gave_up", "tell-lost")
            wait_until(lambda: titles(phone) >= {"tell-db held back", "tell-web well again", "tell-lost given up"}, 60)
            assert [e["Action"] for e in engine.events(since, target="tell-web", actions=("restart",))] == ["restart"]
            assert {call.headers["Authorization"] for call in phone.got} == {"Bearer tk_1"}
            # The phone and the ear have it before the hub has their answer.
            wait_until(lambda: told(running)["heartbeat"]["sent_total"] >= 1, 30, every=0.2)
            wait_until(lambda: told(running)["channels"][0]["state"] == "well", 30, every=0.2)
            wait_until(lambda: told(running)["channels"][1]["waiting"] >= 2, 30, every=0.2)
            assert told(running)["channels"][0]["dropped_total"] == 0
            for body in phone.bodies():
                assert body["topic"] == "my-topic"
                assert body["click"].startswith("https://ops.example/p/healing")
            assert "tk_1" not in running.log.read_text() + running.cli("notify", "status").stdout


def titles(phone):
    """What was told of whom: each line of a text that stands for several, and the title of one that stands for itself."""
    found = set()
    for body in phone.bodies():
        texts = [body["title"].partition(": ")[2]]
        if "\n" in body["message"]:
            texts = [line.partition(": ")[0] for line in body["message"].splitlines()]
        found.update(texts)
    return found
