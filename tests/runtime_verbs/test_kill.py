"""kill -9 of the runtime role at every fault point, on a real engine: exactly one act, by the engine's own account."""

import re
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import pytest

from paramedic_core.codec import from_plain
from paramedic_core.errors import ParamedicError
from paramedic_core.model import EndedBy
from paramedic_core.sys.identity import UIDS
from paramedic_core.world import World
from support_caller import call_as
from support_engine import PrivateEngine
from support_runtime_life import Life
from support_wait import wait_until

POINTS = ("verbs.before_intent", "verbs.after_intent", "verbs.after_act", "verbs.after_outcome")
RECOVER = ("recover.before_outcome", "recover.after_outcome")
pytestmark = pytest.mark.root


@pytest.fixture
def data():
    # Not below pytest's folder, which other uids cannot enter; short, for the socket's path.
    folder = Path(tempfile.mkdtemp(prefix="life-"))
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


class Case:
    """One container, and runtime's lives around it."""

    def __init__(self, engine: PrivateEngine, data: Path, name: str, stop_timeout: int = 1) -> None:
        self.engine, self.data, self.name = engine, data, name
        # `sleep` as process 1 hears no SIGTERM, so a restart takes the whole stop timeout.
        self.id = engine.run(name, options=("--label", "paramedic.heal=true", "--stop-timeout", str(stop_timeout)))
        self.since = time.time()
        self.lives: list[Life] = []

    def life(self, *points: str) -> Life:
        faults = {p: self.data / f"killed-{p}" for p in points}
        self.lives.append(Life(self.data, self.engine.host, faults))
        return self.lives[-1]

    @property
    def world(self) -> World:
        return from_plain(World, self.lives[-1].client.get("/world")["world"])

    def seen(self):
        """The container as runtime's World shows it now; None before it knows."""
        return self.world.containers.get(self.id)

    def wish(self, key: str, verb: str = "restart"):
        """What the healer does: look, then ask."""
        wait_until(self.seen, within=20)
        expected = {"state": "running", "started_at": self.seen().started_at}
        body = {"target": self.id, "key": key, "expected": expected, "incident": "i1", "reason": "test"}
        return call_as(UIDS["healer"], self.lives[-1].socket, f"/verbs/{verb}", body)

    def settled(self, key: str) -> str:
        """What the record says of a key, once it is not open; empty when it knows nothing."""

        wait_until(lambda: self.status(key) != "intent", within=40)
        return self.status(key)

    def status(self, key: str) -> str:
        """What the record says of a key now."""
        try:
            return self.lives[-1].client.get(f"/acts/{key}")["status"]
        except ParamedicError:
            return ""

    def heal(self, key: str) -> None:
        """What the healer does after runtime came back: ask what became of its key, and decide anew if nothing did."""
        if self.settled(key) in ("", "lost"):
            assert self.wish(f"{key}-again")["status"] == "done"

    def signals(self) -> list[str]:
        """The signals that were sent to it, by the engine's account."""
        kills = self.engine.events(self.since, target=self.id, actions=("kill",))
        return [e["Actor"]["Attributes"]["signal"] for e in kills]

    def acts(self) -> list[str]:
        return [e["Action"] for e in self.engine.events(self.since, target=self.id, actions=("restart", "die"))]


@pytest.fixture
def case(private_engine, data, request):
    name = "kill-" + re.sub(r"\W+", "-", request.node.name)[:40].strip("-")
    case = Case(private_engine, data, name)
    yield case
    for life in case.lives:
        life.close()
    private_engine.remove(name)


def whole(data: Path) -> list[tuple[str, str]]:
    """The record after everything: key and status of each act."""
    with sqlite3.connect(data / "runtime" / "acts.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = db.execute("SELECT key, status FROM acts ORDER BY seq").fetchall()
    db.close()
    return found


def finish(case: Case) -> list[tuple[str, str]]:
    """One act by the engine's account, its end known as our own doing; the record."""
    case.engine.wait_events(lambda e: e, since=case.since, target=case.id, actions=("restart",))
    wait_until(lambda: (seen := case.seen()) and seen.ending and seen.ending.by is EndedBy.US)
    wait_until(lambda: not case.world.acting)
    assert case.lives[-1].close() == 0
    # A second one, if it were under way, would have been told before this: it begins with its SIGTERM.
    case.engine.docker("kill", "-s", "WINCH", case.id)
    case.engine.wait_events(lambda _: "28" in case.signals(), since=case.since, target=case.id)
    assert case.acts() == ["die", "restart"]
    assert case.signals() == ["15", "9", "28"]
    return whole(case.data)


def test_every_fault_point_is_tried():
    package = Path(__file__).parents[2] / "runtime" / "paramedic_runtime"
    found = {n for p in package.glob("*.py") for n in re.findall(r'fault\("([^"]+)"\)', p.read_text())}
    assert found == {*POINTS, *RECOVER}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_point_of_an_act(case, point):
    first = case.life(point)
    assert case.wish("k1") == "PeerAway"
    assert first.process.wait(10) == -9
    case.life()
    case.heal("k1")
    record = finish(case)
    assert (
        record
        == {
            "verbs.before_intent": [("k1-again", "done")],
            "verbs.after_intent": [("k1", "lost"), ("k1-again", "done")],
            "verbs.after_act": [("k1", "done")],
            "verbs.after_outcome": [("k1", "done")],
        }[point]
    )


@pytest.mark.parametrize("point", RECOVER)
def test_killed_again_while_settling(case, point):
    case.life("verbs.after_act")
    assert case.wish("k1") == "PeerAway"
    second = case.life(point)
    assert second.process.wait(20) == -9
    case.life()
    case.heal("k1")
    assert finish(case) == [("k1", "done")]


@pytest.mark.parametrize("wait_for", ["kill", "die", "start"])
def test_killed_while_the_engine_is_at_it(case, wait_for):
    """The engine ends what it was asked for, though nobody waits for the answer."""
    first = case.life()
    wait_until(case.seen, within=20)
    asking = threading.Thread(target=case.wish, args=("k1",))
    asking.start()
    case.engine.wait_events(lambda e: e, since=case.since, target=case.id, actions=(wait_for,))
    first.kill()
    asking.join(20)
    case.life()
    case.heal("k1")
    assert finish(case) == [("k1", "done")]


def test_the_engine_dies_amid_an_act(own_engine, data):
    """The answer never comes: what became of it is found out when the engine is back, and the target is free again."""
    case = Case(own_engine, data, "engine-dies", stop_timeout=6)
    try:
        case.life()
        wait_until(case.seen, within=20)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(case.wish("k1")))
        asking.start()
        own_engine.wait_events(lambda e: e, since=case.since, target=case.id, actions=("kill",))
        own_engine.stop_daemon(kill=True)
        asking.join(30)
        assert answers[0]["status"] == "intent"
        wait_until(lambda: not case.world.engine.connected, within=20)
        own_engine.start_daemon()
        # Whether the container came through depends on the engine; what does not: the record says what it shows.
        wait_until(lambda: case.status("k1") in ("done", "failed", "lost"), within=60)
        wait_until(lambda: not case.world.acting, within=10)
        own_engine.docker("start", case.id)
        wait_until(lambda: (seen := case.seen()) and seen.running)
        assert case.wish("k2", "kill")["status"] == "done"
    finally:
        for life in case.lives:
            life.close()
