"""The World on the wire: whole, changes, beats; slow subscribers are cut."""

import json
import threading
import time
from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.codec import from_plain
from paramedic_core.model import Container, State
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_core.world import Acting, Change, World, apply
from paramedic_runtime import publish
from paramedic_runtime.publish import QUEUE, Publisher
from support_rigs import until


def holding(*names):
    made = {n: Container(id=n.ljust(64, "0"), name=n, state=State.RUNNING) for n in names}
    return lambda w: replace(w, containers={c.id: c for c in made.values()}, at=5.0)


@pytest.fixture
def publisher():
    return Publisher("host1", FakeClock())


def test_versions_count_changes_only(publisher):
    assert publisher.update(holding("a")).version == 1
    assert publisher.update(holding("a")).version == 1
    assert publisher.update(lambda w: replace(w, at=77.0)).at == 77.0
    assert publisher.world.version == 1
    assert publisher.update(holding("a", "b")).version == 2


def test_a_subscriber_can_follow(publisher):
    publisher.update(holding("a"))
    lines = publisher.subscribe().lines()
    whole, beat = next(lines).splitlines()
    world = from_plain(World, json.loads(whole)["world"])
    assert world == publisher.world
    assert json.loads(beat) == {"beat": 5.0}
    publisher.update(holding("b"))
    publisher.update(lambda w: replace(w, acting={"x": Acting("restart", "k", 1.0)}))
    for line in next(lines).splitlines():
        world = apply(world, from_plain(Change, json.loads(line)["change"]))
    assert world == publisher.world
    lines.close()
    assert publisher.subscribers == 0


def test_a_slow_subscriber_is_cut(publisher):
    slow = publisher.subscribe()
    for n in range(QUEUE + 10):
        publisher.update(holding(f"c{n}"))
    assert slow.cut
    assert publisher.dropped == 1
    assert publisher.subscribers == 0
    assert len(list(slow.lines())) == 1, "what was queued still comes, then the end"


def test_beats_while_nothing_changes(publisher, monkeypatch):
    monkeypatch.setattr(publish, "_BEAT_EVERY", 0.01)
    lines = publisher.subscribe().lines()
    next(lines)
    publisher.update(lambda w: replace(w, at=9.0))
    assert json.loads(next(lines)) == {"beat": 9.0}


def test_what_a_verb_did_is_ours(publisher):
    clock = publisher._clock
    at = clock.now()
    publisher.update(lambda w: replace(w, acting={"x": Acting("restart", "k", at)}))
    clock.advance(5)
    assert publisher.ours("x", at + 3)
    publisher.update(lambda w: replace(w, acting={}))
    clock.advance(60)
    assert publisher.ours("x", at + 3)
    assert not publisher.ours("x", at - 1)
    assert not publisher.ours("x", at + 6)
    assert not publisher.ours("y", at + 3)
    publisher.own("y", at, at + 10)
    assert publisher.ours("y", at + 3)


def test_updates_from_many_threads_lose_nothing():
    publisher = Publisher("host1", SystemClock())
    feed = publisher.subscribe()
    world = publisher.world

    def work(who):
        for n in range(10):
            publisher.update(lambda w, n=n: replace(w, grants={**w.grants, f"{who}/{n}": "enforce"}))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(publisher.world.grants) == 80
    _, _, *changes = next(feed.lines()).splitlines()
    for line in changes:
        world = apply(world, from_plain(Change, json.loads(line)["change"]))
    assert world == publisher.world


def test_over_a_real_socket_with_cores_own_feed(tmp_path):
    clock = SystemClock()
    publisher = Publisher("host1", clock)
    publisher.update(holding("a"))
    server = RoleServer(publisher.routes(), [unix_listener(tmp_path / "r.sock")])
    server.start()
    feed = WorldFeed(RoleClient(tmp_path / "r.sock", "runtime"), clock)
    feed.start()
    try:
        until(lambda: feed.world is not None, 10)
        assert RoleClient(tmp_path / "r.sock", "runtime").get("/world")["world"]["host"] == "host1"
        before = time.monotonic()
        publisher.update(holding("a", "b"))
        until(lambda: feed.world == publisher.world, 10, every=0.0005)
        assert time.monotonic() - before < 3
    finally:
        feed.stop()
        server.stop()
