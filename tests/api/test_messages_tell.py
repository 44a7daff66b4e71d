"""What is worth a message: once for each incident and reason, while it is true; and that no crash changes this."""

import time
from dataclasses import replace

import pytest

from paramedic_api.messages import store as store_module
from paramedic_api.messages.item import Delivery, Item
from paramedic_api.messages.store import MessageStore
from paramedic_api.messages.tell import Opened, read
from paramedic_core.settings import Channel, Secret, Told
from support_ward import Ward

HOOK = Channel("webhook", Secret("http://127.0.0.1:1/x"), digest=0.0)
DIGEST = replace(HOOK, name="digest", digest=3600.0)
NOW = 1_700_000_000.0


def record(kind, seq=1, incident="i1", **body):
    return {"kind": kind, "seq": seq, "at": NOW, "host": "h", "incident": incident, "target": "t" * 64,
            "name": "web", "service": "shop/web", **body}  # fmt: skip


OPENED = record("opened", cause="unhealthy", text="Its health check failed.", asked="")
REFUSED = record("decision", decision="refuse", gate="mode", text="Not restarted: no leave.", allow="`do it`")
GAVE_UP = record("gave_up", gate="helps", text="Given up for now: no help.")
FAILED = record("verdict", verdict="no_effect", action="restart", text="Its health check fails again.")
HEALED = record("closed", state="healed", outcome="fixed", text="Well again.")
ALONE = record("closed", state="recovered", outcome="alone", text="It came right by itself.")


@pytest.fixture
def opening(tmp_path):
    found = []

    def _open(*channels):
        found.append(MessageStore(tmp_path / "m.db", channels or (HOOK,)))
        return found[-1]

    yield _open
    for store in found:
        store.close()


def told(store, channel=HOOK, now=NOW):
    """Everything that goes out now, as (reason, text)."""
    found = []
    while (batch := store.next(channel, now)[0]) is not None:
        found += [(item.reason.value, item.text) for item in batch.items]
        store.sent(channel, batch, now)
    return found


def reasons(store, channel=HOOK, now=NOW):
    return [reason for reason, _ in told(store, channel, now)]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("decision", {"decision": "refuse", "text": "No."}, Told.REFUSED),
        ("decision", {"decision": "wait", "text": "No."}, None),
        ("decision", {"decision": "do", "text": "Yes."}, None),
        ("outcome", {"status": "failed", "text": "The engine could not."}, Told.FAILED),
        ("outcome", {"status": "done"}, None),
        ("outcome", {"status": "refused"}, None),
        ("outcome", {"status": "refused", "code": "ceiling_host"}, Told.REFUSED),
        ("verdict", {"verdict": "no_effect"}, Told.FAILED),
        ("verdict", {"verdict": "fixed"}, None),
        ("gave_up", {"text": "Given up."}, Told.GAVE_UP),
        ("closed", {"outcome": "fixed"}, Told.HEALED),
        ("would_act", {"text": "Would be restarted."}, None),
        ("restraint", {"mode": "observe"}, None),
        ("something_new", {}, None),
    ],
)
def test_each_kind_of_record(kind, body, reason):
    item = read(record(kind, **body), {}).item
    assert (item.reason if item else None) is reason


@pytest.mark.parametrize("damage", [{"incident": None}, {"name": 7}, {"incident": ""}, {"target": []}])
def test_a_record_that_makes_no_sense_is_passed_over(damage):
    assert read({**REFUSED, **damage}, {}).item is None


def test_a_persons_wish_that_is_refused_is_answered_there_and_is_no_message():
    known = {"i1": Opened("asked", "Ada asked.", asked=True)}
    assert read(REFUSED, known).item is None
    assert read(record("closed", outcome="asked", state="healed"), known).item is None


def test_a_message_says_what_is_wrong_why_not_and_what_would_allow_it(opening):
    store = opening()
    store.take([OPENED, REFUSED], 2, NOW)
    assert told(store) == [
        ("refused", "Its health check failed. Not restarted: no leave. To allow it: `do it`."),
    ]


def test_once_for_each_reason_however_often_it_is_decided(opening):
    store = opening()
    store.take([OPENED, REFUSED], 2, NOW)
    assert reasons(store) == ["refused"]
    store.take([REFUSED, {**REFUSED, "gate": "helps"}, FAILED, FAILED], 6, NOW)
    assert reasons(store) == ["failed"]
    store.take([GAVE_UP, GAVE_UP, REFUSED, HEALED], 10, NOW)
    assert reasons(store) == ["gave_up", "healed"]


def test_a_refusal_that_is_over_before_it_was_sent_is_not_sent(opening):
    store = opening()
    store.take([OPENED, REFUSED, ALONE], 3, NOW)
    assert told(store) == []
    assert store.counts(HOOK).waiting == 0


def test_the_end_is_told_to_those_who_were_told_of_the_beginning(opening):
    store = opening()
    store.take([OPENED, REFUSED], 2, NOW)
    told(store)
    store.take([ALONE], 3, NOW)
    assert told(store) == [("healed", "It came right by itself. Its health check failed.")]


def test_giving_up_says_it_all_and_the_refusal_beside_it_is_left_out(opening):
    only_refusals = replace(HOOK, name="r", gets=(Told.REFUSED,))
    store = opening(HOOK, only_refusals)
    store.take([OPENED, REFUSED, GAVE_UP], 3, NOW)
    assert reasons(store) == ["gave_up"]
    assert reasons(store, only_refusals) == ["refused"], "but not for those who are not told of giving up"


def test_what_was_healed_waits_for_its_digest_and_goes_in_one(opening):
    store = opening(DIGEST)
    for number in range(3):
        store.take([{**HEALED, "incident": f"i{number}"}], number, NOW + 60 * number)
    assert store.next(DIGEST, NOW + 3599) == (None, NOW + 3600)
    batch, _ = store.next(DIGEST, NOW + 3600)
    assert [i.incident for i in batch.items] == ["i0", "i1", "i2"]
    store.sent(DIGEST, batch, NOW)
    assert store.counts(DIGEST).sent == 3


def test_a_clock_that_was_set_back_does_not_hold_a_digest_for_ever(opening):
    store = opening(DIGEST)
    store.take([HEALED], 1, NOW)
    assert store.next(DIGEST, NOW - 7200)[0] is not None


def test_what_is_pressing_does_not_wait_for_the_digest(opening):
    store = opening(DIGEST)
    store.take([HEALED, {**OPENED, "incident": "i2"}, {**GAVE_UP, "incident": "i2"}], 3, NOW)
    assert reasons(store, DIGEST) == ["gave_up"]


def test_each_channel_gets_what_it_asked_for(opening):
    gave_up = replace(HOOK, name="pager", gets=(Told.GAVE_UP,))
    store = opening(HOOK, gave_up)
    store.take([OPENED, FAILED, GAVE_UP, HEALED], 4, NOW)
    assert reasons(store) == ["failed", "gave_up", "healed"]
    assert reasons(store, gave_up) == ["gave_up"]


def test_many_at_once_are_one_delivery(opening):
    store = opening()
    store.take([{**GAVE_UP, "incident": f"i{n}"} for n in range(120)], 120, NOW)
    sizes = []
    while (batch := store.next(HOOK, NOW)[0]) is not None:
        sizes.append(len(batch.items))
        store.sent(HOOK, batch, NOW)
    assert sizes == [50, 50, 20]


def test_a_large_digest_is_cut_into_pieces_that_a_receiver_takes(opening):
    store = opening()
    store.take([{**HEALED, "incident": f"i{n}"} for n in range(450)], 450, NOW)
    sizes = []
    while (batch := store.next(HOOK, NOW)[0]) is not None:
        sizes.append(len(batch.items))
        store.sent(HOOK, batch, NOW)
    assert sizes == [200, 200, 50]


def test_a_delivery_under_way_is_the_same_after_a_crash_and_holds_nothing_new(opening):
    store = opening()
    store.take([OPENED, REFUSED], 2, NOW)
    first, _ = store.next(HOOK, NOW)
    again = opening()
    again.take([{**GAVE_UP, "incident": "i2"}, ALONE], 4, NOW)
    assert again.next(HOOK, NOW)[0] == first
    again.sent(HOOK, first, NOW)
    # The refusal went out, so its end is told; and what came meanwhile goes after it.
    assert sorted(reasons(again)) == ["gave_up", "healed"]


def test_the_same_page_twice_makes_nothing_twice(opening):
    store = opening()
    page = [OPENED, REFUSED, FAILED]
    store.take(page, 3, NOW)
    assert len(told(store)) == 2
    opening().take(page, 3, NOW)
    assert told(store) == []


def test_the_queue_is_bounded_and_what_was_healed_goes_first(opening, monkeypatch):
    monkeypatch.setattr(store_module, "MOST_WAITING", 10)
    store = opening()
    store.take([{**HEALED, "incident": f"h{n}"} for n in range(5)], 5, NOW)
    store.take([{**GAVE_UP, "incident": f"g{n}"} for n in range(12)], 17, NOW)
    counts = store.counts(HOOK)
    assert (counts.waiting, counts.dropped) == (10, 7)
    assert reasons(store) == ["gave_up"] * 10


def test_what_is_older_than_a_day_is_no_news(opening):
    store = opening()
    store.take([GAVE_UP], 1, NOW + 86_401)
    assert (told(store, now=NOW + 86_401), store.counts(HOOK).dropped) == ([], 1)
    store.take([{**GAVE_UP, "incident": "i2"}], 2, NOW)
    assert told(store, now=NOW + 86_401) == []
    assert store.counts(HOOK).dropped == 2


def test_a_damaged_store_is_set_aside(tmp_path):
    path = tmp_path / "m.db"
    path.write_bytes(b"no database at all" * 500)
    store = MessageStore(path, (HOOK,))
    assert store.cursor() is None
    store.close()
    assert len(list(tmp_path.glob("m.db.damaged-*"))) == 1


def test_memory_of_what_was_told_is_bounded(opening, monkeypatch):
    monkeypatch.setattr(store_module, "_MOST_TOLD", 20)
    monkeypatch.setattr(store_module, "_MOST_OPEN", 10)
    store = opening()
    for start in range(0, 100, 20):
        numbers = range(start, start + 20)
        page = [{**r, "incident": f"i{n}", "name": f"w{n}", "at": NOW + n} for n in numbers for r in (OPENED, GAVE_UP)]
        store.take(page, start, NOW + start)
    with store._use() as db:
        assert db.execute("SELECT COUNT(*) FROM told").fetchone() == (20,)
        assert db.execute("SELECT COUNT(*) FROM opened").fetchone() == (10,)
        assert db.execute("SELECT COUNT(*) FROM series").fetchone() == (10,)


def flap(number, at, *records, end=ALONE, **other):
    """One coming and going of ten seconds."""
    came = [{**r, "incident": f"i{number}", "at": at, **other} for r in (OPENED, *records)]
    return [*came, {**end, "incident": f"i{number}", "at": at + 10.0, **other}]


def flapping(store, numbers, *records, channel=HOOK, start=NOW, **other):
    """A fault that comes and goes every 20 seconds, and what is told of it meanwhile."""
    found = []
    for number in numbers:
        at = start + 20.0 * number
        *came, went = flap(number, at, *records, **other)
        store.take(came, 2 * number + 1, at)
        found += told(store, channel, at)
        store.take([went], 2 * number + 2, at + 10.0)
        found += told(store, channel, at + 10.0)
    return found


@pytest.mark.parametrize(
    ("records", "reason"), [((REFUSED,), "refused"), ((REFUSED, GAVE_UP), "gave_up"), ((FAILED,), "failed")]
)
def test_what_comes_and_goes_is_told_once_also_by_a_hub_that_was_killed(opening, records, reason):
    # Three hours, and one that starts anew amid them; a channel that digests, as every channel does if nobody says otherwise.
    found = flapping(opening(DIGEST), range(250), *records, channel=DIGEST)
    found += flapping(opening(DIGEST), range(250, 550), *records, channel=DIGEST)
    assert [r for r, _ in found if r != "healed"] == [reason]
    digests = [text for r, text in found if r == "healed"]
    assert len(digests) == 3, "once an hour"
    assert digests[1].startswith("It has come and gone ")
    assert "times since 14 Nov 22:13 UTC. It came right by itself." in digests[1]


def test_a_channel_without_a_digest_hears_of_it_once_an_hour_at_most(opening):
    found = flapping(opening(), range(200), REFUSED)
    assert [r for r, _ in found] == ["refused", "healed", "healed"]


def test_after_it_has_been_well_for_a_quarter_of_an_hour_it_is_told_anew(opening):
    store = opening()
    assert [r for r, _ in flapping(store, range(3), GAVE_UP)] == ["gave_up", "healed"]
    ended = NOW + 2 * 20.0 + 10.0
    assert flapping(store, [3], GAVE_UP, start=ended + 899.0 - 60.0) == []
    ended += 899.0 + 10.0
    again = flapping(store, range(4, 6), GAVE_UP, start=ended + 901.0 - 80.0)
    assert [r for r, _ in again] == ["gave_up", "healed"]
    assert not again[0][1].startswith("It has come")


def test_another_target_and_another_cause_are_another_story(opening):
    store = opening()
    assert reasons_of(flapping(store, [0], GAVE_UP)) == ["gave_up", "healed"]
    assert reasons_of(flapping(store, [1], GAVE_UP, name="db")) == ["gave_up", "healed"]
    assert reasons_of(flapping(store, [2], GAVE_UP, cause="exited")) == ["gave_up", "healed"]
    assert reasons_of(flapping(store, [3], REFUSED)) == ["refused"], "and so is another reason"


def test_a_clock_that_was_set_back_silences_nothing_for_ever(opening):
    store = opening()
    assert reasons_of(flapping(store, range(2), GAVE_UP)) == ["gave_up", "healed"]
    assert "gave_up" in reasons_of(flapping(store, range(2, 4), GAVE_UP, start=NOW - 86_400.0))


def test_a_refusal_that_was_never_sent_is_not_taken_for_told(opening):
    store = opening()
    store.take(flap(0, NOW, REFUSED), 3, NOW + 10.0)
    assert told(store) == []
    assert reasons_of(flapping(store, range(1, 4), REFUSED)) == ["refused", "healed"]


def test_each_wish_of_a_person_and_each_heal_is_told(opening):
    store = opening()
    wish, could_not = {"cause": "asked", "asked": "restart"}, record("outcome", status="failed", text="It could not.")
    assert reasons_of(flapping(store, range(3), could_not, **wish)) == ["failed"] * 3
    for number in range(3):
        store.take(flap(number + 9, NOW + 90.0 * number, end=HEALED), number + 20, NOW + 90.0 * number)
        assert reasons(store) == ["healed"]


@pytest.mark.parametrize(("leave", "reasons"), [(True, {"failed", "gave_up"}), (False, {"refused"})])
def test_a_flapping_container_is_told_once_by_the_healers_own_journal(opening, leave, reasons):
    ward, store, found = Ward(), opening(DIGEST), []
    web = ward.add("web", leave=leave)
    ward.run(60)
    for turn in range(80):
        # No restart cures it; it comes and goes by itself.
        if turn % 2:
            ward.engine.recover(web)
        else:
            ward.engine.fail_health(web, cured_by=None)
        before = len(ward.journal)
        ward.run(90)
        page = [
            {**r.body, "kind": r.kind, "at": r.at, "host": "h", "incident": r.incident, "target": r.target,
             "name": r.name, "service": r.service}
            for r in ward.journal[before:]
        ]  # fmt: skip
        store.take(page, len(ward.journal), ward.clock.now())
        found += told(store, DIGEST, ward.clock.now())
    assert len(ward.records("opened")) >= 30, "the journal has each"
    pressing = [r for r in reasons_of(found) if r != "healed"]
    assert len(pressing) == len(set(pressing))
    assert set(pressing) == reasons
    assert "healed" in reasons_of(found)


def reasons_of(found):
    return [reason for reason, _ in found]


def item(name, reason=Told.FAILED):
    return Item(f"{name}/x", reason, time.time(), "h", name, "t", name, name, "c", f"{name} is ill.")


def test_titles_and_texts_in_plain_words():
    one = Delivery("d", "tuna", [item("web", Told.GAVE_UP)])
    assert (one.title, one.text) == ("tuna: web given up", "web is ill.")
    some = Delivery("d", "tuna", [item("a", Told.HEALED), item("b"), item("c", Told.GAVE_UP), item("d")])
    assert some.title == "tuna: 1 given up, 2 failed, 1 well again"
    assert some.text.splitlines()[0] == "c given up: c is ill."
    many = Delivery("d", "tuna", [item(f"n{n}") for n in range(50)])
    assert many.text.splitlines()[-1] == "… and 30 more: see the page"
    assert many.reason is Told.FAILED
