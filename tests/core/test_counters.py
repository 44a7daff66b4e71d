"""A role's own metrics as text, read by Prometheus' own parser."""

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paramedic_core.counters import Counters


@pytest.fixture
def counters():
    made = Counters()
    made.counter("things_total", "Things that happened.")
    made.gauge("level", "How high it is.")
    return made


def samples(counters):
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(counters.render())
        for s in family.samples
    }


def test_values(counters):
    counters.add("things_total")
    counters.add("things_total", 2.5)
    counters.add("things_total", kind="a", place="b")
    counters.set("level", -1.5)
    assert counters.get("things_total") == 3.5
    assert counters.get("things_total", kind="none") == 0
    assert samples(counters) == {
        ("things_total", ()): 3.5,
        ("things_total", (("kind", "a"), ("place", "b"))): 1,
        ("level", ()): -1.5,
    }


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "ä\u202e", "", '\\"\n\\n'])
def test_foreign_label_values(counters, value):
    counters.add("things_total", name=value)
    assert samples(counters) == {("things_total", (("name", value),)): 1}


def test_a_gauge_that_is_read_at_each_scrape(counters):
    values = iter([1.0, 2.0])
    counters.gauge("live", "Live.", lambda: next(values))
    assert "live 1\n" in counters.render()
    assert "live 2\n" in counters.render()


def test_declared_once_and_before_use(counters):
    with pytest.raises(ValueError, match="twice"):
        counters.gauge("level", "Again.")
    with pytest.raises(KeyError):
        counters.add("unknown_total")
    assert Counters().render() == ""


def test_no_count_is_lost_between_threads(counters):
    def work():
        for _ in range(1000):
            counters.add("things_total", kind="a")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.get("things_total", kind="a") == 8000
