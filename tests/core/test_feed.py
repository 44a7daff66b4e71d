"""Following runtime's World over its socket: whole, changes, beats, cuts, nonsense."""

import json
import threading
import time
from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.codec import to_plain
from paramedic_core.model import Container, State
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.server import Response
from paramedic_core.world import World, diff

FIRST = World(host="h", epoch="e", version=1, at=1.0)
BOX = Container(id="a" * 64, name="web", state=State.RUNNING)
SECOND = replace(FIRST, version=2, at=2.0, containers={BOX.id: BOX})
END = object()


class Runtime:
    """Streams what is put in; END cuts the stream."""

    def __init__(self):
        self._messages = []
        self._changed = threading.Condition()
        self.subscribed = 0

    def stream(self, _request):
        with self._changed:
            self.subscribed += 1
            self._changed.notify_all()
            return Response(self._lines(self.subscribed), content_type="application/x-ndjson")

    def _lines(self, number):
        """A new subscriber takes over where the one before it stopped."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._messages or self.subscribed != number, timeout=10)
                if self.subscribed != number or not self._messages:
                    return
                message = self._messages.pop(0)
            if message is END:
                return
            yield message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"

    def put(self, message):
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def world(self, world):
        self.put({"world": to_plain(world)})

    def change(self, old, new):
        self.put({"change": to_plain(diff(old, new))})


@pytest.fixture
def runtime(serve):
    made = Runtime()
    made.client = serve({"GET /world/stream": made.stream})
    yield made
    made.put(END)


@pytest.fixture
def feed(runtime):
    made = WorldFeed(runtime.client, SystemClock())
    made.start()
    yield made
    made.stop()


def until(condition, within=30.0):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def test_whole_then_changes_then_beats(runtime, feed):
    assert feed.world is None
    assert not feed.ready().ready
    assert "no World yet" in feed.ready().reason
    runtime.world(FIRST)
    runtime.change(FIRST, SECOND)
    until(lambda: feed.world == SECOND)
    assert feed.ready().ready
    runtime.put({"beat": 7.5})
    until(lambda: feed.world.at == 7.5)
    assert feed.world == replace(SECOND, at=7.5)
    assert feed.healthy().ready


def test_a_cut_keeps_what_was_known_and_asks_anew(runtime, feed):
    runtime.world(SECOND)
    until(lambda: feed.world == SECOND)
    runtime.put(END)
    until(lambda: runtime.subscribed == 2)
    assert feed.world == SECOND
    other = replace(FIRST, epoch="new", version=40)
    runtime.world(other)
    until(lambda: feed.world == other)


def test_a_gap_asks_anew(runtime, feed):
    runtime.world(FIRST)
    runtime.change(FIRST, replace(SECOND, version=5))
    until(lambda: runtime.subscribed >= 2)
    assert feed.world == FIRST


@pytest.mark.parametrize(
    "nonsense",
    [
        b"no json\n",
        b"[]\n",
        b"3\n",
        {"world": {}},
        {"world": 3},
        {"beat": "x"},
        {"beat": None},
        {"change": {"epoch": 1}},
    ],
)
def test_nonsense_asks_anew_and_keeps_what_was_known(runtime, feed, nonsense):
    runtime.world(FIRST)
    until(lambda: feed.world == FIRST)
    runtime.put(nonsense)
    until(lambda: runtime.subscribed >= 2)
    assert feed.world == FIRST
    runtime.world(SECOND)
    until(lambda: feed.world == SECOND)
    assert feed.healthy().ready


def test_a_stream_that_begins_with_a_change(runtime, feed):
    runtime.change(FIRST, SECOND)
    until(lambda: runtime.subscribed >= 2)
    assert feed.world is None


def test_messages_from_the_future_are_passed_over(runtime, feed):
    runtime.world(FIRST)
    runtime.put({"weather": "fine"})
    runtime.change(FIRST, SECOND)
    until(lambda: feed.world == SECOND)
    assert runtime.subscribed == 1


def test_on_change_hears_worlds_and_no_beats(runtime):
    heard = []
    feed = WorldFeed(runtime.client, SystemClock(), heard.append)
    feed.start()
    runtime.world(FIRST)
    runtime.put({"beat": 5.0})
    runtime.change(replace(FIRST, at=5.0), SECOND)
    until(lambda: len(heard) == 2)
    assert heard == [FIRST, SECOND]
    feed.stop()


def test_silence_is_counted_and_said(runtime):
    clock = FakeClock()
    feed = WorldFeed(runtime.client, clock)
    feed.start()
    runtime.world(FIRST)
    until(lambda: feed.world == FIRST)
    assert feed.silence == 0
    clock.advance(16)
    assert not feed.ready().ready
    assert "silent for 16 s" in feed.ready().reason
    feed.stop()


def test_nobody_there(tmp_path):
    feed = WorldFeed(RoleClient(tmp_path / "none.sock", "runtime"), SystemClock())
    assert feed.healthy().ready
    feed.start()
    until(lambda: "runtime does not answer" in feed.ready().reason)
    assert feed.healthy().ready
    feed.stop()
