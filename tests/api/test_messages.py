"""Messages from the healer's real journal to receivers on real sockets, and what is shown of them."""

import contextlib
import json
import logging
import socket
import time

import pytest

from paramedic.cli import main
from paramedic_api.messages import state
from paramedic_api.messages.desk import Messages
from paramedic_api.messages.heartbeat import Heartbeat
from paramedic_core.clock import SystemClock
from paramedic_core.errors import Conflict, NotFound
from paramedic_core.settings import Channel, HeartbeatSettings, Secret, Settings, Told
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import RoleServer, unix_listener
from support_hub import stand
from support_receivers import HOST, healer, receiver
from support_wait import wait_until


@contextlib.contextmanager
def messages(data, *channels, clock=None):
    """The messages of one life of the hub."""
    settings = Settings(notify=channels)
    client = RoleClient(socket_path(data, "healer"), "healer")
    found = Messages(settings, data, HOST, "tuna", client, clock or SystemClock())
    found.start()
    try:
        yield found
    finally:
        found.stop()
        if found._thread.ident:
            found._thread.join(5)
        for sender in found.senders:
            sender._thread.join(5)
        if found._store:
            found._store.close()


def hook(taker, name="", **fields):
    return Channel("webhook", Secret(f"{taker.url}/secret-path"), name=name, **{"digest": 0.0, **fields})


def test_a_whole_story_is_told_once_each(short_folder):
    with healer(short_folder) as journal, receiver() as taker, messages(short_folder, hook(taker)) as found:
        incident = journal.open()
        for _ in range(20):
            journal.refuse(incident)
        found.poke()
        taker.wait(1)
        journal.fail(incident)
        journal.fail(incident)
        journal.give_up(incident)
        found.poke()
        wait_until(lambda: len(taker.items()) == 3)
        journal.close(incident)
        found.poke()
        wait_until(lambda: len(taker.items()) == 4)
        assert taker.items() == [f"{incident}/{reason}" for reason in ("refused", "failed", "gave_up", "healed")]
        wait_until(lambda: found.counts()["webhook"].sent == 4)


def test_the_journals_past_of_a_quarter_of_an_hour_is_told_and_no_older(short_folder):
    with healer(short_folder) as journal, receiver() as taker:
        old = journal.open("old", at=time.time() - 3600)
        journal.refuse(old, "old", at=time.time() - 3600)
        fresh = journal.open("fresh")
        journal.refuse(fresh, "fresh")
        with messages(short_folder, hook(taker)):
            taker.wait(1)
        with messages(short_folder, hook(taker)) as found:
            late = journal.open("late")
            journal.refuse(late, "late")
            found.poke()
            taker.wait(2)
        assert taker.items() == [f"{fresh}/refused", f"{late}/refused"]


def test_a_receiver_that_is_down_slows_no_other_and_gets_it_later(short_folder, monkeypatch):
    monkeypatch.setattr("paramedic_api.messages.sender._BACKOFF", type("Fast", (), {"delay": lambda *_a, **_k: 0.05}))
    with healer(short_folder) as journal, receiver() as good, receiver(answers=[503]) as bad:
        slow = receiver(slow=30.0)
        with slow as hanging:
            channels = (hook(bad, "bad"), hook(hanging, "slow", timeout=60.0), hook(good, "good"))
            with messages(short_folder, *channels) as found:
                incident = journal.open()
                journal.give_up(incident)
                began = time.monotonic()
                found.poke()
                good.wait(1)
                assert time.monotonic() - began < 10
                # A receiver has its request before the sender has the answer, and has marked it.
                wait_until(lambda: found.counts()["good"].sent == 1 and found.senders[0].error)
                rows = {row["name"]: row for row in state.channels(found, HOST)}
                assert (rows["bad"]["state"], rows["bad"]["waiting"]) == ("failing", 1)
                assert "503" in rows["bad"]["last_error"]
                assert (rows["good"]["state"], rows["slow"]["state"]) == ("well", "waiting")
                bad.answers = [200]
                wait_until(lambda: found.counts()["bad"].sent == 1)
                assert state.channels(found, HOST)[0]["last_error"] == ""
                # Who waits for its answer would be waited for.
                hanging.close()


def test_a_healer_that_was_away_is_caught_up_with(short_folder):
    with healer(short_folder) as journal, receiver() as taker, messages(short_folder, hook(taker)) as found:
        journal.give_up(journal.open("a"), "a")
        found.poke()
        taker.wait(1)
        journal.stop()
        found.poke()
        wait_until(lambda: not found.ready().ready)
        for number in range(600):
            journal.write("restraint", "", f"noise-{number}", mode="")
        journal.give_up(journal.open("b"), "b")
        journal.start()
        taker.wait(2)
        wait_until(lambda: found.ready().ready)


def test_a_journal_that_begins_anew_is_read_anew(short_folder):
    with receiver() as taker:
        with healer(short_folder) as journal:
            for number in range(50):
                journal.write("restraint", "", f"noise-{number}", mode="")
            journal.give_up(journal.open("a"), "a")
            with messages(short_folder, hook(taker)):
                taker.wait(1)
        for file in (short_folder / "healer").iterdir():
            file.unlink()
        with healer(short_folder) as journal, messages(short_folder, hook(taker)) as found:
            journal.give_up(journal.open("b", "exited"), "b")
            found.poke()
            taker.wait(2)


def test_one_that_a_receiver_never_takes_is_dropped_and_counted_and_the_next_goes_on(short_folder):
    with contextlib.ExitStack() as stack:
        journal, taker = stack.enter_context(healer(short_folder)), stack.enter_context(receiver(answers=[400, 200]))
        with messages(short_folder, hook(taker)) as found:
            journal.give_up(journal.open("a"), "a")
            found.poke()
            taker.wait(1)
            journal.give_up(journal.open("b"), "b")
            found.poke()
            wait_until(lambda: found.counts()["webhook"].sent == 1)
            counts = found.counts()["webhook"]
            assert (counts.dropped, counts.waiting) == (1, 0)


def test_without_channels_nothing_runs_and_nothing_is_kept(short_folder):
    with healer(short_folder) as journal, receiver() as taker:
        journal.give_up(journal.open("a"), "a")
        with messages(short_folder, hook(taker)):
            taker.wait(1)
        assert (short_folder / "hub/messages.db").exists()
        with messages(short_folder) as found:
            assert (found.ready().ready, found.healthy().ready, found.counts()) == (True, True, {})
        assert not list((short_folder / "hub").iterdir())


def test_no_secret_gets_into_a_log_or_a_state(short_folder, caplog):
    with healer(short_folder) as journal, socket.socket() as free, caplog.at_level(logging.DEBUG):
        free.bind(("127.0.0.1", 0))
        url = f"http://user:pa55word@127.0.0.1:{free.getsockname()[1]}/secret-path?key=secret-query"
        channel = Channel("webhook", Secret(url), token=Secret("secret-token"), digest=0.0)
        with messages(short_folder, channel) as found:
            journal.give_up(journal.open("a"), "a")
            found.poke()
            wait_until(lambda: found.senders[0].error)
            shown = json.dumps(state.channels(found, HOST)) + caplog.text + repr(found.test()) + repr(channel)
    assert "connection refused" in shown
    for secret in ("secret", "pa55word", "user:"):
        assert secret not in shown


def test_a_test_says_what_came_of_it(short_folder):
    with contextlib.ExitStack() as stack:
        stack.enter_context(healer(short_folder))
        good, bad = stack.enter_context(receiver()), stack.enter_context(receiver(answers=[500]))
        with messages(short_folder, hook(good, "good"), hook(bad, "bad")) as found:
            results = {t.channel: t for t in found.test()}
            assert results["good"].error == ""
            assert "500" in results["bad"].error
            assert [t.channel for t in found.test("good")] == ["good"]
            with pytest.raises(NotFound, match="there are good, bad"):
                found.test("nobody")
            with found._testing, pytest.raises(Conflict):
                found.test()
            body = good.bodies()[0]
            assert (body["test"], body["title"]) == (True, "tuna: a test")
            assert found.counts()["good"].sent == 0, "a test is no message"


# What people and programs see of it.


@pytest.fixture
def served(short_folder):
    """The hub's own paths on its socket, with a good channel and one that answers 500."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(healer(short_folder))
        good, bad = stack.enter_context(receiver()), stack.enter_context(receiver(answers=[500]))
        with messages(short_folder, hook(good, "good"), hook(bad, "bad", gets=(Told.GAVE_UP,))) as found:
            settings = Settings(notify=(), heartbeat=HeartbeatSettings())
            beat = Heartbeat(settings.heartbeat, (), str, SystemClock())
            server = RoleServer(
                state.routes(found, beat, settings, HOST), [unix_listener(socket_path(short_folder, "hub"))]
            )
            server.start()
            yield short_folder, found
            server.stop()


def test_the_command_line_shows_and_tries(served, capsys):
    data, _found = served
    assert main(["notify", "status", "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "good" in out
    assert "heartbeat: off" in out
    assert main(["notify", "test", "good", "--data", str(data)]) == 0
    assert "delivered" in capsys.readouterr().out
    assert main(["notify", "test", "--data", str(data), "-o", "json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    assert [(r["channel"], r["delivered"]) for r in results] == [("good", True), ("bad", False)]
    assert main(["notify", "test", "nobody", "--data", str(data)]) == 1
    assert "there are good, bad" in capsys.readouterr().err


def test_the_command_line_says_what_does_not_get_through(served, capsys):
    data, found = served
    found.senders[1]._note("http://127.0.0.1:1 answers 500: internal server error")
    assert main(["notify", "status", "--data", str(data)]) == 3
    assert "answers 500" in capsys.readouterr().out


def test_the_command_line_without_channels_and_without_a_hub(short_folder, capsys):
    with messages(short_folder) as found:
        settings = Settings()
        beat = Heartbeat(settings.heartbeat, (), str, SystemClock())
        (short_folder / "run").mkdir(exist_ok=True)
        server = RoleServer(
            state.routes(found, beat, settings, HOST), [unix_listener(socket_path(short_folder, "hub"))]
        )
        server.start()
        assert main(["notify", "test", "--data", str(short_folder)]) == 3
        assert "name a channel under `notify`" in capsys.readouterr().out
        assert main(["notify", "status", "--data", str(short_folder)]) == 0
        server.stop()
    assert main(["notify", "status", "--data", str(short_folder)]) == 4


def test_the_api_shows_tests_and_keeps_secrets():
    with receiver() as taker, stand("runtime", "healer", "collector", notify=(hook(taker, "phone"),)) as found:
        answer = found.client.get("/api/v1/notifications").get_json()
        (row,) = answer["items"]
        assert (row["name"], row["place"], row["state"]) == ("phone", taker.url, "well")
        assert row["last_sent_at"] is None
        assert answer["heartbeat"]["state"] == "off"
        assert "secret-path" not in json.dumps(answer)
        path = "/api/v1/notifications/test"
        assert found.client.post(path, json={}).status_code == 401
        assert found.client.post(path, json={}, headers=found.signed("viewer")).status_code == 403
        headers = found.signed("operator")
        tried = found.client.post(path, json={"channel": "phone"}, headers=headers).get_json()
        assert [(i["channel"], i["delivered"]) for i in tried["items"]] == [("phone", True)]
        assert found.client.post(path, json={"channel": "x"}, headers=headers).status_code == 404
        metrics = found.client.get("/metrics", headers=headers).text
        assert 'paramedic_notify_waiting{channel="phone"}' in metrics
