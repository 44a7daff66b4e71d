"""Bringing a message out: what each kind of channel sends, and receivers that are down, slow, or answer what they should not."""

import shutil
import socket
import time
from dataclasses import replace

import pytest

from paramedic_api.messages.desk import found_kinds
from paramedic_api.messages.item import Delivery, Item
from paramedic_api.messages.kind import Call
from paramedic_api.messages.post import Rejected, Unsent, place, send
from paramedic_core.config.schema import leaves
from paramedic_core.settings import Channel, OneOf, Secret, Told
from support_receivers import make_certificate, receiver

ITEM = Item(
    "i1/gave_up", Told.GAVE_UP, 1_700_000_000.0, "h", "i1", "t" * 64, "web", "shop/web", "unhealthy", "Ill – „so“."
)
ONE = Delivery("d1", "tuna", [ITEM], "https://ops.example/p/healing/i1")
SECRET = "s3cr3t-path"


def sent(kind, delivery=ONE, path="", **fields):
    """What a channel of this kind sends."""
    with receiver() as taker:
        channel = Channel(kind, Secret(f"{taker.url}{path}"), **fields)
        send(found_kinds()[kind].call(channel, delivery))
        (call,) = taker.got
        return call, taker.bodies()[0]


def test_every_kind_that_can_be_configured_is_there_and_no_other():
    kind = next(leaf for leaf in leaves(Channel).values() if leaf.path == ("kind",))
    (words,) = [note.words for note in kind.hint.__metadata__ if isinstance(note, OneOf)]
    assert set(found_kinds()) == set(words)


def test_a_webhook_has_everything_with_ids_to_know_it_again():
    call, body = sent("webhook", path="/hook?x=1", token=Secret("tok"))
    assert (call.method, call.path) == ("POST", "/hook?x=1")
    assert call.headers["Authorization"] == "Bearer tok"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Idempotency-Key"] == "d1"
    assert body == {
        "version": "1", "id": "d1", "node": "tuna", "reason": "gave_up", "title": "tuna: web given up",
        "text": "Ill – „so“.", "url": "https://ops.example/p/healing/i1", "test": False,
        "items": [{
            "id": "i1/gave_up", "reason": "gave_up", "at": "2023-11-14T22:13:20.000Z", "host": "h", "incident": "i1",
            "target": "t" * 64, "name": "web", "service": "shop/web", "cause": "unhealthy", "text": "Ill – „so“.",
        }],
    }  # fmt: skip


def test_a_webhook_of_one_key_has_docker_autoheals_shape():
    _, body = sent("webhook", text_key="content", delivery=replace(ONE, link=""))
    assert body == {"content": "tuna: web given up: Ill – „so“."}


def test_a_long_text_fits_into_a_chat_and_keeps_its_link():
    _, body = sent("webhook", text_key="content", delivery=replace(ONE, items=[replace(ITEM, text="ä" * 500)] * 20))
    assert len(body["content"]) == 2000
    assert body["content"].endswith(f"…\n{ONE.link}")


def test_ntfy_gets_title_priority_tags_and_click():
    call, body = sent("ntfy", path="/my-topic", token=Secret("tk_abc"))
    assert (call.path, call.headers["Authorization"]) == ("/", "Bearer tk_abc")
    assert body == {
        "topic": "my-topic", "title": "tuna: web given up", "message": "Ill – „so“.", "priority": 5, "tags": ["sos"],
        "sequence_id": "d1", "click": "https://ops.example/p/healing/i1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "priority"), [(Told.GAVE_UP, 5), (Told.FAILED, 4), (Told.REFUSED, 3), (Told.HEALED, 2)]
)
def test_the_more_pressing_the_louder(reason, priority):
    _, body = sent("ntfy", path="/t", delivery=Delivery("d", "n", [replace(ITEM, reason=reason)]))
    assert (body["priority"], "click" in body) == (priority, False)


def test_a_long_message_stays_a_message_at_ntfy():
    _, body = sent("ntfy", path="/t", delivery=Delivery("d", "n", [replace(ITEM, text="ä" * 500)] * 20))
    assert len(body["message"].encode()) < 4096


def test_apprise_gets_title_body_and_type():
    _, body = sent("apprise", delivery=replace(ONE, link=""))
    assert body == {"title": "tuna: web given up", "body": "Ill – „so“.", "type": "failure"}


def test_a_user_in_the_url_is_basic_auth():
    with receiver() as taker:
        url = Secret(f"http://me:p%40ss@127.0.0.1:{taker.port}/t")
        send(found_kinds()["ntfy"].call(Channel("ntfy", url), ONE))
        assert taker.got[0].headers["Authorization"] == "Basic bWU6cEBzcw=="
        assert taker.got[0].headers["Host"] == f"127.0.0.1:{taker.port}"


def failing(call_of, **how):
    """The error of one try, and how long it took."""
    with receiver(**how) as taker:
        began = time.monotonic()
        with pytest.raises((Unsent, Rejected)) as caught:
            send(call_of(taker))
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.__cause__)
        return caught.value, time.monotonic() - began


def post(taker, timeout=5.0):
    return Call("POST", f"{taker.url}/{SECRET}?k={SECRET}", {"Authorization": f"Bearer {SECRET}"}, b"{}", timeout)


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (500, Unsent, "answers 500: internal server error"),
        (503, Unsent, "answers 503"),
        (429, Unsent, "called too often"),
        (401, Unsent, "does not accept the token"),
        (404, Unsent, "nothing at that address"),
        (302, Unsent, "redirect (302), which is not followed"),
        (308, Unsent, "redirect (308), which is not followed"),
        (400, Rejected, "answers 400: bad request"),
        (413, Rejected, "answers 413"),
        (299, None, ""),
    ],
)
def test_each_answer(status, kind, says):
    if kind is None:
        with receiver(answers=[status]) as taker:
            send(post(taker))
        return
    error, _ = failing(post, answers=[status])
    assert type(error) is kind
    assert says in str(error)


def test_a_redirect_is_not_followed():
    with receiver() as other, receiver(answers=[307], headers={"Location": other.url}) as taker:
        with pytest.raises(Unsent):
            send(post(taker))
        assert (len(taker.got), other.got) == (1, [])


def test_the_receivers_own_patience_is_kept():
    error, _ = failing(post, answers=[429], headers={"Retry-After": "120"})
    assert error.retry_after == 120
    error, _ = failing(post, answers=[503], headers={"Retry-After": "99999"})
    assert error.retry_after == 3600
    error, _ = failing(post, answers=[503], headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})
    assert error.retry_after == 0


def test_a_slow_one_is_given_up():
    error, took = failing(lambda t: post(t, 0.3), slow=20.0)
    assert "no answer within 0.3 s" in str(error)
    assert took < 10


def test_one_that_answers_byte_by_byte_is_given_up():
    error, took = failing(lambda t: post(t, 0.5), drip=True)
    assert "no answer within 0.5 s" in str(error)
    assert took < 10


def test_nobody_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
        with pytest.raises(Unsent, match=r"http://127.0.0.1:\d+: connection refused") as caught:
            send(Call("POST", url, timeout=2.0))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/x", f"https://127.0.0.1:1/{SECRET}"])
def test_other_ways_not_to_get_there(url):
    with pytest.raises(Unsent) as caught:
        send(Call("POST", url, timeout=5.0))
    assert SECRET not in str(caught.value)


def test_one_that_speaks_no_tls():
    with receiver() as taker, pytest.raises(Unsent, match="no secure connection"):
        send(Call("GET", f"https://127.0.0.1:{taker.port}/", timeout=5.0))


tls = pytest.mark.skipif(shutil.which("openssl") is None, reason="not installed: openssl")


@tls
def test_a_certificate_of_ones_own_authority(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path)
    with receiver(certificate) as taker:
        with pytest.raises(Unsent, match="its certificate is not trusted here") as caught:
            send(post(taker))
        assert SECRET not in str(caught.value)
        assert "SSL_CERT_FILE" in str(caught.value)
        assert taker.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(post(taker))
        assert [call.body for call in taker.got] == [b"{}"]


@tls
def test_a_certificate_of_another_host_is_not_taken(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiver(certificate) as taker, pytest.raises(Unsent, match="not trusted here"):
        send(post(taker))


def test_a_call_and_a_place_show_no_secret():
    call = Call("POST", f"https://u:{SECRET}@h.example:8443/{SECRET}", {"Authorization": SECRET})
    assert SECRET not in repr(call)
    assert place(call.url) == "https://h.example:8443"
    assert place("http://[::1]:80/x") == "http://[::1]:80"
