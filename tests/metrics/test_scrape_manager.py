"""All targets together: found, asked at their interval, ended when they are gone."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.config.text import parse
from paramedic_metrics.scrape import manager
from paramedic_metrics.scrape.config import Job, read
from paramedic_metrics.scrape.manager import Scraper
from support_metrics import MemorySink, exposing, is_stale, text
from support_wait import wait_until


def jobs_of(source: str) -> tuple[Job, ...]:
    return read(parse(source, "p.yml"), "p.yml").jobs


def test_targets_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    sink = MemorySink()
    with exposing(b"a 1\n") as one, exposing(b"a 2\n") as two:
        file.write_text(json.dumps([{"targets": [one.address, two.address]}]))
        (job,) = jobs_of(
            f"scrape_configs: [{{job_name: j, scrape_interval: 200ms, scrape_timeout: 200ms, file_sd_configs: [{{files: ['{file}']}}]}}]"
        )
        scraper = Scraper([job], sink, lambda: None, SystemClock())
        scraper.start()
        try:
            wait_until(lambda: len(one.asked) > 2 and len(two.asked) > 2, within=20)
            file.write_text(json.dumps([{"targets": [one.address]}]))
            scraper.look()
            wait_until(lambda: any(c.closed for c in sink.columns), within=20)
            assert [loop.target.address for loop in scraper.loops()] == [one.address]
            (gone,) = [c for c in sink.columns if c.closed]
            before = len(one.asked)
            wait_until(lambda: len(one.asked) > before + 2, within=20)
        finally:
            scraper.stop()
    assert {text(gone.labels[row]).partition("{")[0] for row in gone.moments[-1][1]} >= {"a", "up"}
    assert all(is_stale(value) for value in gone.moments[-1][1].values())
    assert scraper.healthy().ready or not scraper._thread.is_alive()


def test_a_changed_job_replaces_its_targets_without_ending_their_series() -> None:
    sink = MemorySink()
    with exposing(b"a 1\n") as target:
        source = "scrape_configs: [{{job_name: j, scrape_interval: 200ms, scrape_timeout: 200ms, sample_limit: {}, static_configs: [{{targets: ['{}']}}]}}]"
        scraper = Scraper(jobs_of(source.format(10, target.address)), sink, lambda: None, SystemClock())
        scraper.start()
        try:
            wait_until(lambda: len(target.asked) > 2, within=20)
            same = scraper.loops()
            scraper.set_jobs(jobs_of(source.format(10, target.address)))
            scraper.look()
            assert scraper.loops() == same
            scraper.set_jobs(jobs_of(source.format(20, target.address)))
            scraper.look()
            wait_until(lambda: any(c.closed for c in sink.columns), within=20)
            (closed,) = [c for c in sink.columns if c.closed]
            assert scraper.loops() != same
        finally:
            scraper.stop()
    assert not any(is_stale(v) for v in closed.moments[-1][1].values())


def test_a_slow_target_holds_up_no_other() -> None:
    sink, let_go = MemorySink(), threading.Event()
    with exposing(b"a 1\n") as slow, exposing(b"a 2\n") as quick:
        slow.before = lambda: let_go.wait(30) and None
        scraper = Scraper(
            jobs_of(
                f"scrape_configs: [{{job_name: j, scrape_interval: 300ms, scrape_timeout: 300ms, static_configs: [{{targets: ['{slow.address}', '{quick.address}']}}]}}]"
            ),
            sink,
            lambda: None,
            SystemClock(),
        )
        scraper.start()
        try:
            wait_until(lambda: len(quick.asked) > 5, within=20)
            down = next(loop for loop in scraper.loops() if loop.target.address == slow.address)
            wait_until(lambda: down.state.failures > 1, within=20)
            assert "no answer within 0.3 s" in down.state.error
        finally:
            let_go.set()
            scraper.stop()


def test_series_that_a_changed_job_drops_end_and_the_others_go_on() -> None:
    sink = MemorySink()
    with exposing(b"a 1\ng 2\n") as target:
        source = "scrape_configs: [{{job_name: j, static_configs: [{{targets: ['{}']}}]{}}}]"
        dropping = ", metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: g}]"
        scraper = Scraper(jobs_of(source.format(target.address, "")), sink, lambda: None, FakeClock())
        scraper.look()
        (old,) = scraper.loops()
        old.scrape(0)
        scraper.set_jobs(jobs_of(source.format(target.address, dropping)))
        scraper.look()
        (new,) = scraper.loops()
        (ending,) = [due for due in scraper._due if due.closing]
        scraper._due.remove(ending)
        scraper._end(old, ending.at)
        (later,) = [due for due in scraper._due if due.closing]
        assert (later.loop, later.at) == (old, ending.at + 15.0), "nobody has asked it since"
        assert not sink.columns[0].closed
        new.scrape(0)
        scraper._end(old, later.at)
        scraper.stop()
    at, last = sink.columns[0].moments[-1]
    assert (at, sink.columns[0].closed) == (round(later.at * 1000), True)
    assert [text(sink.columns[0].labels[row]).partition("{")[0] for row in last] == ["g"]
    assert all(is_stale(value) for value in last.values())


def test_too_many_targets_are_down_and_it_is_said(tmp_path: Path) -> None:
    file, sink = tmp_path / "t.json", MemorySink()
    with exposing(b"a 1\n") as one, exposing(b"a 2\n") as two:
        file.write_text(json.dumps([{"targets": [one.address, two.address]}]))
        jobs = jobs_of(f"scrape_configs: [{{job_name: j, target_limit: 1, file_sd_configs: [{{files: ['{file}']}}]}}]")
        scraper = Scraper(jobs, sink, lambda: None, SystemClock())
        scraper.look()
        loops = scraper.loops()
        for loop in loops:
            loop.scrape(0)
        assert [loop.state.error for loop in loops] == ["target_limit exceeded (number of targets: 2, limit: 1)"] * 2
        for _ in range(2):
            assert "target_limit exceeded" in scraper.pools()[0].trouble
            scraper.look()
        assert one.asked + two.asked == []
        assert [sink.last(n)[f'up{{instance="{loop.target.address}",job="j"}}'] for n, loop in enumerate(loops)] == [
            0.0
        ] * 2
        file.write_text(json.dumps([{"targets": [one.address]}]))
        scraper.look()
        (left,) = scraper.loops()
        left.scrape(0)
        assert (left.state.health, scraper.pools()[0].trouble) == ("up", "")
        scraper.stop()


def test_dropped_targets_are_counted_and_shown() -> None:
    jobs = jobs_of(
        "scrape_configs: [{job_name: j, static_configs: [{targets: ['a:1', 'b:2']}], relabel_configs: [{action: keep, source_labels: [__address__], regex: 'a:1'}]}]"
    )
    scraper = Scraper(jobs, MemorySink(), lambda: None, SystemClock())
    scraper.look()
    (pool,) = scraper.pools()
    assert (len(pool.loops), pool.dropped_count) == (1, 1)
    assert pool.dropped[0]["__address__"] == "b:2"


def test_whoever_still_waits_for_a_worker_at_the_end_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "_WORKERS", 1)
    entered, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        let_go.wait(30)

    with exposing(b"a 1\n") as slow, exposing(b"a 2\n") as quick:
        scraper = Scraper(
            jobs_of(
                f"scrape_configs: [{{job_name: j, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{targets: ['{slow.address}', '{quick.address}']}}]}}]"
            ),
            MemorySink(),
            lambda: None,
            SystemClock(),
        )
        scraper.start()
        try:
            wait_until(lambda: slow.asked and quick.asked, within=20)
            slow.before = hold
            waiting = next(loop for loop in scraper.loops() if loop.target.address == quick.address)
            wait_until(lambda: entered.is_set() and waiting in scraper._flying, within=20)
        finally:
            scraper.stop()
            let_go.set()
        wait_until(lambda: all(loop._closed and loop._connection._open is None for loop in scraper.loops()))


def test_a_target_that_is_gone_and_waits_for_its_end_is_closed_too() -> None:
    with exposing(b"a 1\n") as target:
        scraper = Scraper(
            jobs_of(
                f"scrape_configs: [{{job_name: j, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{targets: ['{target.address}']}}]}}]"
            ),
            MemorySink(),
            lambda: None,
            SystemClock(),
        )
        scraper.start()
        try:
            wait_until(lambda: target.asked, within=20)
            (loop,) = scraper.loops()
            wait_until(lambda: loop.state.scrapes, within=20)
            scraper.set_jobs([])
        finally:
            scraper.stop()
    wait_until(lambda: loop._closed and loop._connection._open is None)
