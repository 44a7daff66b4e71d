"""One target over real HTTP: what is stored of it, and what is marked stale, as in Prometheus."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.errors import LimitExceeded
from paramedic_metrics.scrape.config import Job, Limits
from paramedic_metrics.scrape.loop import REPORTS, Loop
from paramedic_metrics.scrape.relabel import rule
from paramedic_metrics.scrape.targets import make_target
from paramedic_metrics.scrape.transport import Access
from support_metrics import Exposing, MemorySink, exposing, is_stale

I = 'instance="X",job="j"'
_MADE: list[Loop] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _MADE:
        _MADE.pop().close()


def loop_of(target: Exposing, sink: MemorySink, clock: Any = None, **job: Any) -> Loop:
    made = Job("j", **{"timeout": 5.0, **job})
    found = make_target({"__address__": target.address, "instance": "X"}, made)
    assert found is not None
    _MADE.append(Loop(found, {}, made, sink, clock or FakeClock()))
    return _MADE[-1]


def own(values: dict[str, float]) -> dict[str, float]:
    """Without the reports."""
    return {k: v for k, v in values.items() if not k.startswith(REPORTS)}


def test_protobuf_is_never_asked_for_and_refused_in_words() -> None:
    sink = MemorySink()
    with exposing(b"\x0a\x05native") as target:
        target.kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        loop = loop_of(target, sink, formats=("PrometheusProto", "PrometheusText0.0.4"))
        loop.scrape(1_700_000_000.0)
    assert "protobuf" not in target.asked[0]["Accept"]
    assert loop.state.error.startswith("it answers in protobuf, which it was not asked for")
    assert sink.last()[f"up{{{I}}}"] == 0.0


def test_a_native_histogram_in_text_is_no_sample() -> None:
    sink = MemorySink()
    with exposing(b"# TYPE h histogram\nh {count:3,sum:6,schema:3,zero_threshold:0,zero_count:0}\n# EOF\n") as target:
        target.kind = "application/openmetrics-text; version=1.0.0"
        loop = loop_of(target, sink)
        loop.scrape(1_700_000_000.0)
    assert "native histogram" in loop.state.error
    assert sink.last()[f"up{{{I}}}"] == 0.0


def test_samples_and_reports_share_one_moment() -> None:
    sink = MemorySink()
    with exposing(b'a{x="1"} 1\nb 2\n') as target:
        loop = loop_of(target, sink)
        loop.scrape(1_700_000_000.0)
    assert sink.columns[0].moments[0][0] == 1_700_000_000_000
    found = sink.last()
    assert own(found) == {f'a{{{I},x="1"}}': 1.0, f"b{{{I}}}": 2.0}
    assert found[f"up{{{I}}}"] == 1.0
    assert found[f"scrape_samples_scraped{{{I}}}"] == 2.0
    assert found[f"scrape_samples_post_metric_relabeling{{{I}}}"] == 2.0
    assert found[f"scrape_series_added{{{I}}}"] == 2.0
    assert f"scrape_duration_seconds{{{I}}}" in found
    sent = target.asked[0]
    assert sent["Accept"].startswith("application/openmetrics-text;version=1.0.0;q=0.5,")
    assert sent["X-Prometheus-Scrape-Timeout-Seconds"] == "5"


def test_a_series_that_is_gone_ends_at_once_and_may_come_back() -> None:
    sink = MemorySink()
    with exposing(b"a 1\nb 2\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        target.body = b"b 3\n"
        loop.scrape(0)
        assert is_stale(sink.last()[f"a{{{I}}}"])
        assert sink.last()[f"b{{{I}}}"] == 3.0
        loop.scrape(0)
        assert f"a{{{I}}}" not in sink.last()  # marked once
        target.body = b"a 5\nb 4\n"
        loop.scrape(0)
        assert own(sink.last()) == {f"a{{{I}}}": 5.0, f"b{{{I}}}": 4.0}
        assert sink.last()[f"scrape_series_added{{{I}}}"] == 0.0


@pytest.mark.parametrize("how", ["status", "garbage", "cut", "away"])
def test_a_target_that_is_down_ends_all_its_series_but_the_reports(how: str) -> None:
    sink = MemorySink()
    with exposing(b"a 1\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        if how == "status":
            target.status = 500
        elif how == "garbage":
            target.body = b"a 1\n}\n"
        elif how == "cut":
            target.kind, target.body = "application/openmetrics-text", b"a 1\n"
        if how != "away":
            loop.scrape(0)
    if how == "away":
        loop.close()
        loop = loop_of(target, sink)
        loop.scrape(0)
        assert sink.last()[f"up{{{I}}}"] == 0.0
        assert "cannot be reached" in loop.state.error
        return
    found = sink.last()
    assert is_stale(found[f"a{{{I}}}"])
    assert found[f"up{{{I}}}"] == 0.0
    assert found[f"scrape_samples_scraped{{{I}}}"] == (how == "garbage")
    assert loop.state.health == "down"
    assert loop.state.error


def test_a_target_that_is_removed_ends_all_its_series_reports_too() -> None:
    sink = MemorySink()
    with exposing(b"a 1\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        loop.end(1_700_000_030.0)
    assert sink.columns[0].moments[-1][0] == 1_700_000_030_000
    found = sink.last()
    assert len(found) == 6
    assert all(is_stale(value) for value in found.values())
    assert sink.columns[0].closed


def test_own_labels_give_way_to_the_targets_or_with_honor_labels_the_other_way() -> None:
    body = b'a{job="mine",instance="",exported_job="e"} 1\n'
    with exposing(body) as target:
        plain, honoured = MemorySink(), MemorySink()
        loop_of(target, plain).scrape(0)
        loop_of(target, honoured, honor_labels=True).scrape(0)
    assert list(own(plain.last())) == [f'a{{exported_exported_job="mine",exported_job="e",{I}}}']
    assert list(own(honoured.last())) == ['a{exported_job="e",job="mine"}']


def test_metric_relabelling_drops_and_renames() -> None:
    rules = (
        rule(action="drop", source_labels=("__name__",), regex="go_.*"),
        rule(source_labels=("x",), regex="(.+)", target_label="y"),
        rule(action="labeldrop", regex="x"),
    )
    sink = MemorySink()
    with exposing(b'go_gc 1\na{x="1"} 2\n') as target:
        loop = loop_of(target, sink, metric_relabel=rules)
        loop.scrape(0)
        loop.scrape(0)
    found = sink.last()
    assert own(found) == {f'a{{{I},y="1"}}': 2.0}
    assert (found[f"scrape_samples_scraped{{{I}}}"], found[f"scrape_samples_post_metric_relabeling{{{I}}}"]) == (
        2.0,
        1.0,
    )


def test_two_lines_of_one_series_count_once() -> None:
    sink = MemorySink()
    with exposing(b'a{x="1",y="2"} 1\na{y="2",x="1"} 9\n') as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
    assert list(own(sink.last()).values()) == [1.0]
    assert "repeat" in loop.state.warning


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(samples=1), "sample limit exceeded"),
        (Limits(labels=3), "label_limit exceeded"),
        (Limits(label_name=7), "label_name_length_limit exceeded"),
        (Limits(label_value=10), "label_value_length_limit exceeded"),
        (Limits(body=20), "body size limit exceeded"),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_limit_fails_the_whole_scrape(limits: Limits, why: str, gzipped: bool) -> None:
    sink = MemorySink()
    with exposing(b'a{x="1"} 1\nb{yyyyyyyyy="zzzzzzzzzzzzzz"} 2\n') as target:
        target.gzipped = gzipped
        loop = loop_of(target, sink, limits=limits)
        loop.scrape(0)
    assert own(sink.last()) == {}
    assert sink.last()[f"up{{{I}}}"] == 0.0
    assert why in loop.state.error


def test_a_store_that_is_full_of_series_fails_the_scrape_and_says_so() -> None:
    def full(labels: Any) -> None:
        if dict(labels)["__name__"] == "b":
            raise LimitExceeded("there are 5 series, as many as metrics.series allows")

    sink = MemorySink(refuse_series=full)
    with exposing(b"a 1\nb 2\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
    assert sink.last()[f"up{{{I}}}"] == 0.0
    assert "metrics.series" in loop.state.error


def test_timestamps_are_honoured_or_not() -> None:
    with exposing(b"a 1 1600000000000\nb 2\n") as target:
        honoured, ignored = MemorySink(), MemorySink()
        loop_of(target, honoured).scrape(1_700_000_000.0)
        loop_of(target, ignored, honor_timestamps=False).scrape(1_700_000_000.0)
    (sample,) = honoured.added
    assert sample[1:] == (1_600_000_000_000, 1.0)
    assert list(own(honoured.last())) == [f"b{{{I}}}"]
    assert ignored.added == []
    assert own(ignored.last()) == {f"a{{{I}}}": 1.0, f"b{{{I}}}": 2.0}


def test_a_punctual_scrape_is_at_its_moment_and_a_late_one_at_its_own() -> None:
    sink, clock = MemorySink(), FakeClock(1000.0)
    with exposing(b"a 1\n") as target:
        loop = loop_of(target, sink, clock)
        clock.advance(0.0015)
        loop.scrape(1000.0)
        clock.advance(14.9985 + 0.25)
        loop.scrape(1015.0)
    assert [at for at, _ in sink.columns[0].moments] == [1_000_000, 1_015_250]


def test_credentials_and_their_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file\n")
    with exposing(b"a 1\n") as target:
        loop_of(target, MemorySink(), access=Access("Basic", username="u", secret="p")).scrape(0)
        loop_of(target, MemorySink(), access=Access("Bearer", secret_file=str(tmp_path / "secret"))).scrape(0)
        missing = loop_of(target, MemorySink(), access=Access("Bearer", secret_file=str(tmp_path / "no")))
        missing.scrape(0)
    sent = [asked["Authorization"] for asked in target.asked]
    assert sent == [f"Basic {base64.b64encode(b'u:p').decode()}", "Bearer from-file"]
    assert "cannot be read" in missing.state.error


def test_redirects_are_followed_on_the_same_host_only() -> None:
    with exposing(b"a 1\n") as target:
        target.status, target.location = 302, "http://169.254.169.254/metrics"
        loop = loop_of(target, MemorySink())
        loop.scrape(0)
        assert "another host" in loop.state.error
        target.location = "/elsewhere"
        loop.scrape(0)
        assert "more than 10 redirects" in loop.state.error


def test_a_kept_connection_that_was_closed_is_opened_anew() -> None:
    sink = MemorySink()
    with exposing(b"a 1\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        assert loop._connection._open is not None
        assert loop._connection._open.sock is not None
        loop._connection._open.sock.shutdown(2)
        loop.scrape(0)
    assert sink.last()[f"up{{{I}}}"] == 1.0


def test_a_target_that_drips_is_cut_off_at_its_deadline() -> None:
    sink, let_go = MemorySink(), threading.Event()
    with exposing(b"a 1\n") as target:
        target.before = lambda: let_go.wait(20) and None
        loop = loop_of(target, sink, SystemClock(), timeout=10.0)
        thread = threading.Thread(target=loop.scrape, args=(0.0,))
        thread.start()
        end = time.monotonic() + 10
        while not target.asked and time.monotonic() < end:
            time.sleep(0.01)
        loop.expire()
        thread.join(30)
        let_go.set()
        assert not thread.is_alive()
    assert "no answer within" in loop.state.error
    assert sink.last()[f"up{{{I}}}"] == 0.0


def test_what_has_long_gone_is_forgotten_in_the_column_too() -> None:
    sink = MemorySink()
    lots = [[f'm{{i="{lot}/{i}"}} {lot}' for i in range(400)] for lot in range(6)]
    with exposing(b"") as target:
        loop = loop_of(target, sink)
        for lot in lots:
            target.body = "\n".join(["steady 1", *lot, ""]).encode()
            loop.scrape(0)
        assert len(loop._labels) <= 2 * 401 + 1000
        (column,) = sink.columns
        assert len(column.forgotten) >= 1000
        target.body = b""
        loop.scrape(0)
        assert len(loop._labels) > 400, "one empty answer made it forget"
        target.body = "\n".join(["steady 2", *lots[0], ""]).encode()
        loop.scrape(0)
    found = own(sink.last())
    assert len(found) == 401
    assert (found[f"steady{{{I}}}"], found[f'm{{i="0/7",{I}}}']) == (2.0, 0.0)


def test_label_pairs_that_series_have_in_common_are_kept_once() -> None:
    sink = MemorySink()
    with exposing(b"") as target:
        loop = loop_of(target, sink, limits=Limits(samples=2000))
        for lot in range(4):
            target.body = b"".join(b'm{lot="%d",i="%d"} 1\n' % (lot, i) for i in range(700))
            loop.scrape(0)
        labels = list(loop._labels.values())
        assert len({id(pair) for one in labels for pair in one}) == len({pair for one in labels for pair in one})
        # Those of series that were forgotten are forgotten too, and those of a scrape that failed.
        assert len(loop._pairs) <= len({pair for one in labels for pair in one})
        known = dict(loop._pairs)
        target.body = b"".join(b'm{new="%d"} 1\n' % i for i in range(2001))
        loop.scrape(0)
        assert loop.state.error
        assert loop._pairs == known


@pytest.mark.parametrize(
    ("limits", "end", "counts"),
    [
        # Scraped, kept, new: as Prometheus 3.16 writes them, which reads values line by line and so has 400 new ones at the last.
        (Limits(samples=10), b"go 1\n", (401, 400, 10)),
        (Limits(label_value=40), b'long{x="%s"} 1\nlast 1\n' % (b"z" * 50), (401, 400, 400)),
        (Limits(), b"}\nlast 1\n", (400, 400, 400)),
        (Limits(), b"x abc\nlast 1\n", (400, 400, 402)),
    ],
)
def test_a_scrape_that_fails_makes_no_series(limits: Limits, end: bytes, counts: tuple[int, int, int]) -> None:
    sink = MemorySink()
    drop = rule(action="drop", source_labels=("__name__",), regex="go")
    with exposing(b"") as target:
        loop = loop_of(target, sink, limits=limits, metric_relabel=(drop,))
        for lot in range(3):
            target.body = b"".join(b'm{i="%d/%d"} 1\n' % (lot, i) for i in range(400)) + end
            loop.scrape(0)
            assert loop.state.error
            assert tuple(sink.last()[f"{name}{{{I}}}"] for name in REPORTS[2:]) == counts
            assert (len(loop._labels), len(loop._reader)) == (0, 0)
        (column,) = sink.columns
        assert len(column.made) == len(REPORTS)
        target.body = b"a 1\n"
        loop.scrape(0)
        assert len(column.made) == len(REPORTS) + 1
    assert own(sink.last()) == {f"a{{{I}}}": 1.0}


def test_a_scrape_that_fails_leaves_what_was_known_before() -> None:
    sink = MemorySink()
    with exposing(b"a 1\nb 2\n") as target:
        loop = loop_of(target, sink, limits=Limits(samples=3))
        loop.scrape(0)
        target.body = b"a 1\nb 2\nc 3\nd 4\n"
        loop.scrape(0)
        assert all(is_stale(value) for value in own(sink.last()).values())
        target.body = b"a 1\nb 2\nc 3\n"
        loop.scrape(0)
    assert own(sink.last()) == {f"a{{{I}}}": 1.0, f"b{{{I}}}": 2.0, f"c{{{I}}}": 3.0}
    assert sink.last()[f"scrape_series_added{{{I}}}"] == 1.0


def test_a_target_with_more_series_than_the_store_takes_is_not_read_to_its_end() -> None:
    sink = MemorySink(most=100)
    with exposing(b"".join(b'm{i="%d"} 1\n' % i for i in range(5000))) as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
    assert loop.state.error.startswith("more than 100 new series in one scrape")
    assert len(sink.columns[0].labels) == len(REPORTS) + 101


def test_one_failed_answer_costs_the_next_scrape_nothing() -> None:
    sink = MemorySink()
    with exposing("".join(f'm{{i="{i}"}} 1\n' for i in range(2500)).encode()) as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        target.status = 500
        loop.scrape(0)
        assert len(loop._reader) == 2500
        target.status = 200
        loop.scrape(0)
    assert sink.last()[f"scrape_series_added{{{I}}}"] == 0.0
    assert len(own(sink.last())) == 2500


def test_an_answer_that_never_came_counts_no_samples() -> None:
    sink = MemorySink()
    with exposing(b"a 1\n}\n") as target:
        loop = loop_of(target, sink)
        loop.scrape(0)
        assert sink.last()[f"scrape_samples_scraped{{{I}}}"] == 1.0
        target.status = 500
        loop.scrape(0)
    assert sink.last()[f"scrape_samples_scraped{{{I}}}"] == 0.0


@pytest.mark.parametrize(
    ("kind", "fallback", "value"),
    [
        ("application/json", "OpenMetricsText1.0.0", 1.0),
        ("", "OpenMetricsText0.0.1", 1.0),
        ("application/json", "PrometheusText0.0.4", None),
        ("application/json", "", None),
        ("text/plain; version=0.0.4", "OpenMetricsText1.0.0", None),
        ("application/openmetrics-text; version=1.0.0", "PrometheusText0.0.4", 1.0),
    ],
)
def test_an_answer_of_no_known_kind_is_read_as_the_job_says(kind: str, fallback: str, value: float | None) -> None:
    sink = MemorySink()
    # Seconds, which only OpenMetrics has.
    with exposing(b"# TYPE a counter\na_total 1 1600000000.5\n# EOF\n") as target:
        target.kind = kind
        loop = loop_of(target, sink, fallback=fallback)
        loop.scrape(0)
    assert [sample[1:] for sample in sink.added] == ([(1_600_000_000_500, value)] if value else [])
    assert loop.state.health == ("up" if value else "down")


def test_headers_of_the_job_are_sent_each_as_often_as_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file \n")
    access = Access(
        "Bearer",
        secret="token",
        headers=(("X-A", "1"), ("X-A", "2"), ("X-U", "größer"), ("accept", "mine")),
        header_files=(("X-A", str(tmp_path / "secret")), ("Host", str(tmp_path / "secret"))),
    )
    with exposing(b"a 1\n") as target:
        loop = loop_of(target, MemorySink(), access=access)
        loop.scrape(0)
        assert loop.state.error == ""
        sent = [(name.lower(), value) for name, value in target.headers[0]]
        (tmp_path / "secret").unlink()
        loop.scrape(0)
    assert [value for name, value in sent if name == "x-a"] == ["1", "2", "from a file"]
    assert [value.encode("latin-1").decode() for name, value in sent if name == "x-u"] == ["größer"]
    assert [value for name, value in sent if name == "host"] == ["from a file"]
    assert [value for name, value in sent if name == "authorization"] == ["Bearer token"]
    assert len([name for name, _ in sent if name == "accept"]) == 1
    assert "cannot be read" in loop.state.error
