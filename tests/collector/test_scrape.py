"""A source that fails, hangs or lies breaks nothing but itself, and is named."""

from __future__ import annotations

import importlib
import logging
import threading
from collections import Counter
from pathlib import Path

import pytest

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Source, help_of
from support_collector import NOW, samples
from support_wait import wait_until


class Good(Source):
    """Good."""

    name = "good"
    families = (Family("good", "gauge", "Good."),)

    def __init__(self) -> None:
        self.times = 0
        self.slow = threading.Event()
        self.slow.set()
        self.entered = threading.Event()

    def collect(self, context: Context, out: Exposition) -> None:
        self.times += 1
        self.entered.set()
        self.slow.wait(30)
        out.add(self.families[0], self.times)


class Bad(Source):
    """Bad."""

    name = "bad"
    families = (Family("bad", "gauge", "Bad."),)
    error: Exception | None = OSError(5, "Input/output error")
    problem = ""

    def collect(self, context: Context, out: Exposition) -> None:
        out.add(self.families[0], 1)
        if self.error is not None:
            raise self.error
        out.problem = self.problem


def test_one_that_fails_is_reported_and_the_others_go_on() -> None:
    found = samples(Scraper(lambda: Context(now=NOW), {"bad": Bad(), "good": Good()}).scrape())
    assert found['node_scrape_collector_success{collector="bad"}'] == 0
    assert found['node_scrape_collector_success{collector="good"}'] == 1
    assert found['node_scrape_collector_duration_seconds{collector="good"}'] >= 0
    assert found["good"] == 1
    assert "bad" not in found  # half of a source's samples would be taken for all of them


def test_samples_stay_when_only_a_part_is_missing() -> None:
    bad = Bad()
    bad.error, bad.problem = None, "1 of 2 could not be read"
    scraper = Scraper(lambda: Context(now=NOW), {"bad": bad})
    found = samples(scraper.scrape())
    assert found["bad"] == 1
    assert found['node_scrape_collector_success{collector="bad"}'] == 0
    assert scraper.errors == {"bad": "1 of 2 could not be read"}


def test_an_error_is_said_once_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "paramedic.collector")
    bad = Bad()
    scraper = Scraper(lambda: Context(now=NOW), {"bad": bad})
    for error in (bad.error, bad.error, ValueError("another"), ValueError("another"), None, None, bad.error):
        bad.error = error
        scraper.scrape()
    said = [r.getMessage() for r in caplog.records]
    assert [m.split(" ")[3] for m in said] == ["failed,", "failed,", "works", "failed,"]
    assert scraper.failed == {"bad": 5}


def test_one_that_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    good, slow = Good(), Good()
    slow.slow.clear()
    scraper = Scraper(lambda: Context(now=NOW, timeout=1.0), {"good": good, "slow": slow})
    for _ in range(3):
        found = samples(scraper.scrape())
        assert found['node_scrape_collector_success{collector="slow"}'] == 0
        assert found["good"] == good.times
    assert slow.times == 1
    assert list(scraper.stuck) == ["slow"]
    assert len(caplog.records) == 1
    slow.slow.set()
    wait_until(lambda: not scraper.stuck)
    assert samples(scraper.scrape())['node_scrape_collector_success{collector="slow"}'] == 1
    scraper.close()


class Turn:
    """A lock that knows how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.came = 0

    def __enter__(self) -> None:
        self.came += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_those_who_ask_while_one_is_under_way_share_the_next() -> None:
    good = Good()
    good.slow.clear()
    scraper = Scraper(lambda: Context(now=NOW), {"good": good})
    turn = scraper._turn = Turn()  # type: ignore[assignment]
    asking = [threading.Thread(target=scraper.scrape) for _ in range(20)]
    asking[0].start()
    assert good.entered.wait(30)
    for thread in asking[1:]:
        thread.start()
    wait_until(lambda: turn.came == 20)
    good.slow.set()
    for thread in asking:
        thread.join(30)
    assert good.times == 2


def test_every_source_has_a_name_a_help_and_families_of_its_own() -> None:
    scraper = Scraper(lambda: Context(now=NOW))
    assert scraper.failures == []
    assert {"container", "container_state", "cpu", "diskstats", "filesystem", "loadavg", "meminfo", "meta", "netdev",
            "stat", "time", "uname"} <= set(scraper.sources)  # fmt: skip
    counts = Counter(family.name for source in scraper.sources.values() for family in source.families)
    assert [name for name, count in counts.items() if count > 1] == []
    for name, source in scraper.sources.items():
        assert source.name == name
        assert help_of(type(source)).endswith(".")
    scraper.close()


_PLUGINS = {
    "fine": """
class Fine(Source):
    \"\"\"Fine.\"\"\"
    name = "fine"
    families = (Family("fine", "gauge", "Fine."),)
    def collect(self, context, out):
        out.add(self.families[0], 1)
""",
    "greedy": """
class Greedy(Source):
    name = "greedy"
    families = (Family("fine", "gauge", "Fine."),)
    def collect(self, context, out):
        out.add(self.families[0], 2)
""",
    "unborn": """
class Unborn(Source):
    name = "unborn"
    families = ()
    def __init__(self):
        raise OSError("no")
    def collect(self, context, out):
        pass
""",
    "wrong": "import nothing_of_that_name",
}


def test_a_source_that_cannot_be_used_is_named_and_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "paramedic_test_sources"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in _PLUGINS.items():
        head = "from paramedic_collector.exposition import Family\nfrom paramedic_collector.source import Source\n"
        (package / f"{name}.py").write_text(head + text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("paramedic_collector.sources", importlib.import_module(package.name))
    scraper = Scraper(lambda: Context(now=NOW))
    assert samples(scraper.scrape())["fine"] == 1
    assert list(scraper.sources) == ["fine"]
    reasons = {failure.module.rpartition(".")[2]: failure.reason for failure in scraper.failures}
    assert reasons.keys() == {"greedy", "unborn", "wrong"}
    assert "the source fine has the family fine already" in reasons["greedy"]
    assert len(caplog.records) == 3
    scraper.close()
