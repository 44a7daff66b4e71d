"""A hub that is killed: nothing is lost, and what is sent twice is the same delivery with the same ids."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_core.codec import to_plain
from paramedic_core.settings import Channel, HubSettings, Secret, Settings
from support_receivers import healer, receiver
from support_wait import wait_until

SCRIPT = Path(__file__).resolve().parents[1] / "support/support_hub_alone.py"


class Hub:
    """A hub process over `data`, with one webhook."""

    def __init__(self, data, url, faults=""):
        channel = Channel("webhook", Secret(url), digest=0.0, timeout=3.0)
        settings = Settings(hub=HubSettings(listen="127.0.0.1:0"), notify=(channel,))
        command = [sys.executable, str(SCRIPT), str(data), json.dumps(to_plain(settings))]
        self.process = subprocess.Popen(command, env={**os.environ, "PARAMEDIC_FAULTS": faults})

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def hubs():
    started = []

    def start(*args):
        started.append(Hub(*args))
        return started[-1]

    yield start
    for hub in started:
        with contextlib.suppress(ProcessLookupError):
            hub.kill()


def test_killed_between_sending_and_marking_it_is_sent_again_as_the_same(short_folder, hubs):
    mark = short_folder / "mark"
    with healer(short_folder) as journal, receiver() as taker:
        incident = journal.open()
        journal.refuse(incident)
        hub = hubs(short_folder, taker.url, f"messages.after_send={mark}")
        assert hub.process.wait(30) == -signal.SIGKILL
        assert (mark.exists(), len(taker.got)) == (True, 1)
        # What happens meanwhile must not get into the delivery that is repeated.
        journal.fail(incident)
        hubs(short_folder, taker.url)
        wait_until(lambda: f"{incident}/failed" in taker.items(), 30)
        first, again, last = taker.bodies()
        assert (first["id"], first["items"]) == (again["id"], again["items"])
        assert last["id"] != first["id"]
        assert taker.items() == [f"{incident}/refused", f"{incident}/refused", f"{incident}/failed"]


def test_killed_while_the_receiver_is_down_nothing_is_lost(short_folder, hubs):
    with healer(short_folder) as journal, receiver(answers=[503]) as taker:
        first = journal.open("web")
        journal.give_up(first, "web")
        hub = hubs(short_folder, taker.url)
        taker.wait(1, 30)
        hub.kill()
        second = journal.open("db")
        journal.give_up(second, "db")
        hub = hubs(short_folder, taker.url)
        taker.wait(2, 30)
        hub.kill()
        taker.got.clear()
        taker.answers = [200]
        hubs(short_folder, taker.url)
        wanted = {f"{first}/gave_up", f"{second}/gave_up"}
        wait_until(lambda: set(taker.items()) >= wanted, 30)
        assert set(taker.items()) == wanted


def test_killed_again_and_again_each_is_told_once_or_as_the_same(short_folder, hubs):
    with healer(short_folder) as journal, receiver() as taker:
        wanted = []
        for life in range(4):
            before = len(taker.got)
            hub = hubs(short_folder, taker.url)
            for number in range(5):
                name = f"c{life}-{number}"
                incident = journal.open(name)
                journal.give_up(incident, name)
                wanted.append(f"{incident}/gave_up")
            taker.wait(before + 1, 30)
            hub.kill()
        hubs(short_folder, taker.url)
        wait_until(lambda: set(taker.items()) >= set(wanted), 30)
        assert set(taker.items()) == set(wanted)
        by_delivery = {}
        for body in taker.bodies():
            items = [item["id"] for item in body["items"]]
            assert by_delivery.setdefault(body["id"], items) == items
        assert sum(len(items) for items in by_delivery.values()) == len(wanted), "only whole deliveries come twice"
