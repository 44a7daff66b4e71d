"""What the healer remembers: enough for its windows, whatever runtime refuses meanwhile, and no more than its bounds."""

from paramedic_core.limits import Window
from paramedic_healer import history as module
from paramedic_healer.history import Histories, Record, TargetHistory, Try
from support_cases import NOW, brain, unhealthy, world


def test_refusals_push_out_no_try_that_counts():
    histories = Histories()
    real = [Try(f"k{n}", "restart", "i", NOW - 600 + n, "done", NOW - 600 + n, verdict="no_effect") for n in range(5)]
    refused = [Try(f"r{n}", "restart", "i", NOW - 500 + n, "refused") for n in range(400)]
    histories.targets["web"] = TargetHistory("web", real + refused)
    histories.forget(NOW)
    assert histories.of("web").times() == [t.at for t in real]


def test_a_window_longer_than_a_day_is_counted_whole():
    seen = brain(windows=(Window(2, 7 * 86400.0),), give_up_after=100)
    old = [
        Try(f"k{n}", "restart", "i", NOW - 2 * 86400 - n, "done", NOW - 2 * 86400 - n, verdict="fixed") for n in (9, 5)
    ]
    seen.histories.targets["web"] = TargetHistory("web", old)
    step = seen.step(world(unhealthy()), NOW)
    assert step.orders == []
    assert step.records[-2].body["gate"] == "windows"


def test_windows_count_from_the_moment_at_which_it_was_touched_at_the_latest():
    slow = Try("k", "restart", "i", NOW - 60, "done", NOW - 20, verdict="fixed")
    assert TargetHistory("web", [slow]).times() == [NOW - 20]


def test_what_runtime_goes_on_refusing_is_asked_more_and_more_seldom():
    seen, now, asked = brain(), NOW, 0
    while now < NOW + 3600:
        step = seen.step(world(unhealthy(), at=now), now)
        for order in step.orders:
            asked += 1
            seen.outcome(order.key, "refused", "the outer ceiling", now)
        now += 1.0
    assert 10 <= asked <= 20


def test_incidents_that_are_closed_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLOSED", 3)
    histories = Histories()
    for n in range(10):
        body = {"cause": "unhealthy", "since": NOW, "text": ""}
        histories.apply(Record("opened", NOW + n, f"i{n}", "t", "web", "web", body))
        if n:
            histories.apply(
                Record("closed", NOW + n, f"i{n}", "t", "web", "web", {"state": "healed", "outcome": "fixed"})
            )
    histories.forget(NOW + 20)
    assert sorted(histories.incidents) == ["i0", "i7", "i8", "i9"]
