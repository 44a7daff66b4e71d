"""The loop around the brain against a stand-in runtime on a real socket: written first, then done; nothing twice."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from paramedic_core.counters import Counters
from paramedic_core.errors import Conflict, NotFound, Refused, StoreUnavailable
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.server import Request, RoleServer, json_response, unix_listener
from paramedic_core.world import Engine, EngineStatus
from paramedic_healer.action import Plan
from paramedic_healer.brain import Order
from paramedic_healer.hands import Hands
from paramedic_healer.healer import Healer
from paramedic_healer.journal import Journal
from paramedic_healer.role import make_brain
from paramedic_healer.routes import routes
from support_cases import NOW, container, unhealthy, world
from support_wait import ShiftedClock, wait_until


class Runtime:
    """Stands in for runtime: a real server that keeps acts by key."""

    def __init__(self, path):
        self.acts, self.raises, self.gate, self.heard = {}, None, threading.Event(), []
        self.gate.set()
        self.server = RoleServer({"POST /verbs/{verb}": self.verb, "GET /acts/{key}": self.act}, [unix_listener(path)])
        self.server.start()

    def verb(self, request: Request):
        body = request.json()
        self.heard.append(body["key"])
        assert self.gate.wait(10)
        if self.raises:
            raise self.raises
        act = {"key": body["key"], "status": "done", "done_at": NOW + 1, "verb": request.params["verb"], **body}
        self.acts[body["key"]] = act
        return json_response(act)

    def act(self, request: Request):
        if request.params["key"] not in self.acts:
            raise NotFound("no such act")
        return json_response(self.acts[request.params["key"]])


@pytest.fixture
def runtime(tmp_path):
    made = Runtime(tmp_path / "runtime.sock")
    yield made
    made.server.stop()


@contextmanager
def healer(tmp_path, seen, clock=None, **settings):
    clock = clock or ShiftedClock(NOW)
    journal = Journal(tmp_path / "journal.db", "host1")
    brain = make_brain(HealerSettings(**{"startup_grace": 0.0, **settings}), clock.now())
    client = RoleClient(tmp_path / "runtime.sock", "runtime")
    made = Healer(brain, journal, lambda on: Hands(client, on, 10.0), clock, lambda: (seen["world"], 0.5), Counters())
    made.start()
    try:
        yield made
    finally:
        made.stop()
        journal.close()


def kinds(made):
    return [r["kind"] for r in made.journal.read(limit=1000)]


def test_intent_is_written_before_the_act_and_the_outcome_after(tmp_path, runtime):
    runtime.gate.clear()
    with healer(tmp_path, {"world": world(unhealthy())}) as made:
        wait_until(lambda: "intent" in kinds(made))
        assert kinds(made) == ["opened", "decision", "intent"]
        assert runtime.acts == {}
        runtime.gate.set()
        wait_until(lambda: "outcome" in kinds(made))
        assert len(runtime.acts) == 1
        act = next(iter(runtime.acts.values()))
        assert act["expected"] == {"state": "running", "started_at": NOW - 1000, "health": "unhealthy"}


def test_a_healer_that_died_after_its_intent_asks_runtime_and_does_not_act_again(tmp_path, runtime):
    runtime.gate.clear()
    seen = {"world": world(unhealthy())}
    with healer(tmp_path, seen) as made:
        wait_until(lambda: "intent" in kinds(made))
        key = made.journal.read(kind="intent")[0]["key"]
        # The one before dies here: its answer is never heard.
        made._hands._on_answer = lambda _answer: None
        runtime.gate.set()
        wait_until(lambda: key in runtime.acts)
    with healer(tmp_path, seen) as again:
        wait_until(lambda: "outcome" in kinds(again))
        outcome = again.journal.read(kind="outcome")[0]
        assert (outcome["key"], outcome["status"]) == (key, "done")
        assert len(runtime.acts) == 1


def test_an_intent_that_runtime_never_heard_of_is_lost_and_tried_anew(tmp_path, runtime):
    seen = {"world": world(unhealthy())}
    clock = ShiftedClock(NOW)
    with healer(tmp_path, {"world": None}, clock) as made:
        step = made.brain.step(seen["world"], clock.now())
        made.journal.append(step.records)
    with healer(tmp_path, seen, clock) as again:
        wait_until(lambda: kinds(again).count("outcome") == 2)
        assert [r["status"] for r in again.journal.read(kind="outcome")] == ["lost", "done"]
        assert len(runtime.acts) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("ceiling_target", "10 per 1h is the most", retry_after=1200.0), "refused"),
        (Refused("no_leave", "no"), "refused"),
        (Conflict("moved"), "conflict"),
    ],
)
def test_what_runtime_refuses_is_a_story_and_no_try(tmp_path, runtime, error, status):
    runtime.raises = error
    with healer(tmp_path, {"world": world(unhealthy())}) as made:
        wait_until(lambda: "outcome" in kinds(made))
        outcome = made.journal.read(kind="outcome")[0]
        assert outcome["status"] == status
        assert str(error) in outcome["text"]
        assert outcome.get("code", "") == (error.code if isinstance(error, Refused) else "")
        if isinstance(error, Refused):
            assert outcome["until"] - outcome["at"] == pytest.approx(error.retry_after or 5.0)
        assert made.brain.histories.of("web").times() == []


def test_what_waits_behind_a_refusal_by_the_hosts_ceiling_is_not_sent_but_a_persons_wish_is(tmp_path, runtime):
    runtime.raises = Refused("ceiling_host", "30 per 1h is the most", retry_after=1200.0)
    runtime.gate.clear()
    answers = []
    hands = Hands(RoleClient(tmp_path / "runtime.sock", "runtime"), answers.append)
    plan = Plan("restart", "t" * 64, {})
    orders = [Order(f"k{n}", plan, "i", "ill", "web", "web", asked=n == 20) for n in range(30)]
    for order in orders:
        hands.carry_out(order)
    hands.start()
    try:
        wait_until(lambda: len(runtime.heard) == 4)
        runtime.gate.set()
        wait_until(lambda: len(answers) == 30)
        assert sorted(runtime.heard) == ["k0", "k1", "k2", "k20", "k3"]
        assert {(a.status, a.code, a.detail) for a in answers} == {("refused", "ceiling_host", "30 per 1h is the most")}
        assert all(1100 < a.retry_after <= 1200 for a in answers)
        # What is ordered after it was heard is sent: the brain knows what it does.
        hands.carry_out(Order("late", plan, "i", "ill", "web", "web"))
        wait_until(lambda: len(answers) == 31)
        assert runtime.heard[-1] == "late"
    finally:
        hands.stop()


def test_without_a_journal_nothing_is_done(tmp_path, runtime):
    with healer(tmp_path, {"world": world(container())}) as made:
        made.journal._db.execute("PRAGMA query_only=1")
        made._world = lambda: (world(unhealthy()), 0.5)
        made.poke()
        wait_until(lambda: not made.ready().ready)
        assert "cannot be written" in made.ready().reason
        assert runtime.acts == {}
        made.journal._db.execute("PRAGMA query_only=0")
        made.poke()
        wait_until(lambda: runtime.acts and made.ready().ready)
        assert len(runtime.acts) == 1


def call(made, tmp_path, method, path, body=None):
    api = routes(made, "host1", made._clock, threading.Event())
    server = RoleServer(api, [unix_listener(tmp_path / "h.sock")])
    server.start()
    client = RoleClient(tmp_path / "h.sock", "healer")
    try:
        return client.get(path) if method == "GET" else client.post(path, body)
    finally:
        server.stop()


def test_a_wish_is_judged_by_the_gates_and_idempotent(tmp_path, runtime):
    with healer(tmp_path, {"world": world(container(), container("mailer", labels={}))}) as made:
        wish = {"target": "mailer", "action": "restart", "reason": "try", "by": "ann"}
        dry = call(made, tmp_path, "POST", "/actions", {**wish, "dry_run": True})
        assert (dry["decision"], dry["gate"]) == ("refuse", "mode")
        assert kinds(made) == []
        refused = call(made, tmp_path, "POST", "/actions", wish)
        assert (refused["decision"], refused["gate"]) == ("refuse", "mode")
        allowed = call(made, tmp_path, "POST", "/actions", {**wish, "target": "web", "key": "once"})
        assert allowed["decision"] == "do"
        wait_until(lambda: len(runtime.acts) == 1)
        with pytest.raises(Conflict, match="still under way"):
            call(made, tmp_path, "POST", "/actions", {**wish, "target": "web"})
        with pytest.raises(NotFound, match="no container nobody"):
            call(made, tmp_path, "POST", "/actions", {**wish, "target": "nobody"})
        assert len(runtime.acts) == 1


def test_the_views_speak_of_what_is_there(tmp_path, runtime):
    mistyped = {"mialer": Mode.ENFORCE}
    with healer(tmp_path, {"world": world(unhealthy("mailer", labels={}))}, services=mistyped) as made:
        wait_until(lambda: "would_act" in kinds(made))
        row = call(made, tmp_path, "GET", "/plan")["plan"][0]
        assert (row["name"], row["decision"], row["gate"], row["would"]) == ("mailer", "refuse", "mode", True)
        shown = call(made, tmp_path, "GET", "/incidents?open=1")["incidents"][0]
        assert (shown["state"], shown["host"], shown["tries"]) == ("held", "host1", 0)
        assert [s["kind"] for s in shown["story"]] == ["opened", "decision", "would_act"]
        whole = call(made, tmp_path, "GET", f"/incidents/{shown['id']}")
        assert whole["records"][1]["inputs"]["gates"]["mode"]["source"] == "default"
        modes = call(made, tmp_path, "GET", "/modes")
        assert (modes["services"]["mailer"]["mode"], modes["named"]) == ("observe", ["mialer"])
        assert json.dumps(call(made, tmp_path, "GET", "/decisions?target=mailer"))


def test_a_plan_without_the_engine_says_that_nobody_knows(tmp_path, runtime):
    away = replace(world(container()), engine=Engine(EngineStatus.AWAY, reason="no socket"))
    with healer(tmp_path, {"world": away}) as made:
        answer = call(made, tmp_path, "GET", "/plan")
        assert answer["plan"] == []
        assert "the engine does not answer" in answer["note"]
        assert "no socket" in answer["note"]


def test_a_journal_that_cannot_even_be_read_stops_nothing_for_good(tmp_path, runtime, monkeypatch):
    with healer(tmp_path, {"world": world(container())}) as made:
        broken = []

        def fail(*_args):
            broken.append(1)
            raise StoreUnavailable("disk I/O error")

        with monkeypatch.context() as patched:
            patched.setattr(made.journal, "append", fail)
            patched.setattr(made.journal, "replay", fail)
            made._world = lambda: (world(unhealthy()), 0.5)
            made.poke()
            wait_until(lambda: len(broken) >= 2)
        made.poke()
        wait_until(lambda: "outcome" in kinds(made))
        assert made.healthy().ready
        assert len(runtime.acts) == 1


def test_a_dry_run_does_not_use_up_its_key(tmp_path, runtime):
    with healer(tmp_path, {"world": world(container())}) as made:
        wish = {"target": "web", "action": "restart", "reason": "try", "key": "once"}
        assert call(made, tmp_path, "POST", "/actions", {**wish, "dry_run": True})["dry_run"]
        assert "dry_run" not in call(made, tmp_path, "POST", "/actions", wish)
        wait_until(lambda: len(runtime.acts) == 1)
