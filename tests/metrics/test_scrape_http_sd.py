"""Lists of targets that are asked for over HTTP, as Prometheus' own: good ones, wrong ones, hanging ones, and the collector's."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.clock import SystemClock
from paramedic_core.config.text import parse
from paramedic_core.errors import BadInput, ConfigError
from paramedic_core.settings import CollectorSettings, MetricsSettings, ScrapeSettings, Settings
from paramedic_core.sys.server import Response, RoleServer, unix_listener
from paramedic_metrics.own import own_jobs
from paramedic_metrics.scrape.config import Job, read
from paramedic_metrics.scrape.http_sd import LOOK, HttpOptions, HttpTargets, read_list
from paramedic_metrics.scrape.manager import Scraper
from support_metrics import Exposing, MemorySink, exposing, is_stale, text
from support_wait import wait_until


def job_of(source: str) -> Job:
    (job,) = read(parse(f"scrape_configs: [{source}]", "p.yml"), "p.yml").jobs
    return job


def asked(options: HttpOptions) -> HttpTargets:
    found = HttpTargets(options)
    assert found.begin(0.0)
    found.deadline = float("inf")
    return found


def listing(server: Exposing, *groups: object) -> None:
    server.kind, server.body = "application/json; charset=utf-8", json.dumps(groups).encode()


def test_a_list_is_asked_for_as_prometheus_does() -> None:
    with exposing() as server:
        listing(server, {"targets": ["a:1", "b:2"], "labels": {"k": "v", "__meta_x": "y"}}, {"targets": None})
        url = f"http://{server.address}/list?x=y"
        job = job_of(
            f"{{job_name: j, http_sd_configs: [{{url: '{url}', refresh_interval: 30s, basic_auth: {{username: a, password: b}}}}]}}"
        )
        (found,) = job.discoveries
        assert isinstance(found, HttpTargets)
        assert found.targets(None) == ()
        assert found.begin(100.0)
        assert not found.begin(110.0), "it has been asked, and 30 s are not over"
        found.deadline = float("inf")
        found.refresh()
        assert found.targets(None) == [
            {"k": "v", "__meta_x": "y", "__meta_url": url, "__address__": "a:1"},
            {"k": "v", "__meta_x": "y", "__meta_url": url, "__address__": "b:2"},
        ]
        assert found.begin(130.0)
    assert server.paths == ["/list?x=y"]
    headers = server.asked[0]
    assert (headers["X-Prometheus-Refresh-Interval-Seconds"], headers["Accept"]) == ("30", "application/json")
    assert headers["Authorization"] == "Basic YTpi"


@pytest.mark.parametrize(
    ("status", "kind", "body", "why"),
    [
        (500, "application/json", b"[]", "HTTP status 500"),
        (200, "text/html", b"[]", "'text/html', not application/json"),
        (200, "application/json", b"[{", "is not JSON"),
        (200, "application/json", b"[" * 100_000, "is not JSON"),
        (200, "application/json", b" " * (9 << 20), "body size limit"),
    ],
)
def test_after_a_wrong_answer_the_last_one_counts(status: int, kind: str, body: bytes, why: str) -> None:
    with exposing() as server:
        listing(server, {"targets": ["a:1"]})
        found = asked(HttpOptions(f"http://{server.address}/"))
        found.refresh()
        server.status, server.kind, server.body = status, kind, body
        found.refresh()
        assert why in found.trouble
        assert [t["__address__"] for t in found.targets(None)] == ["a:1"]
        server.status = 200
        listing(server)
        found.refresh()
        assert (found.trouble, found.targets(None)) == ("", [])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "no list of groups"),
        (["a:1"], "group 0 of its answer is no object"),
        ([{"targets": "a:1"}], "targets of group 0"),
        ([{}, {"targets": [1]}], "targets of group 1"),
        ([{"targets": [], "labels": ["a"]}], "labels of group 0"),
        ([{"targets": [], "labels": {"a": 1}}], "labels of group 0"),
        ([{"targets": ["a:1"], "labels": {"a": "\ud800"}}], "half a character"),
        ([{"targets": [], "labels": {"": "1"}}], "a label in group 0 of its answer has no name"),
        ([{"targets": [], "labels": {"\ud800": "1"}}], "half a character"),
        ([{"targets": [], "labels": {f"l{n}": "" for n in range(501)}}], "more than 500 labels"),
        ([{"targets": ["a:1"] * 20_001}], "more than 20000 targets"),
        ([{"targets": ["a:1"] * 1001, "labels": {f"l{n}": "" for n in range(500)}}], "500000 labels of all"),
    ],
)
def test_of_a_list_with_a_mistake_nothing_is_taken(answer: object, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_list(json.dumps(answer).encode(), "http://x/", {})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("targets", "labels", "a", "a-b")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=3) | _JSON)
def test_whatever_is_answered_is_a_list_of_texts_or_an_error(answer: object) -> None:
    try:
        found = read_list(json.dumps(answer).encode(), "http://x/", {"node": "tuna"})
    except BadInput:
        return
    for labels in found:
        assert labels["node"] == "tuna"
        assert labels["__meta_url"] == "http://x/"
        assert all(isinstance(text, str) for text in (*labels, *labels.values()))


@given(st.binary(max_size=40))
def test_no_bytes_are_more_than_an_error(data: bytes) -> None:
    with contextlib.suppress(BadInput):
        read_list(data, "http://x/", {})


def test_mistakes_of_an_entry_are_told_with_their_place() -> None:
    with pytest.raises(ConfigError) as caught:
        job_of(
            "{job_name: paramedic/x, http_sd_configs: [{url: 'ftp://x'}, {refresh_interval: 0s}, {url: 'http://x/', proxy_url: x}]}"
        )
    told = str(caught.value)
    for wanted in (
        "http_sd_configs[0].url: 'ftp://x' is no http:// or https:// address",
        "http_sd_configs[1].url: is missing",
        "http_sd_configs[1].refresh_interval: must be more than 0",
        "http_sd_configs[2].proxy_url: paramedic asks without a proxy",
        "job_name: names with 'paramedic/' before them are of paramedic's own jobs",
    ):
        assert wanted in told


def test_a_list_is_asked_for_no_more_often_than_targets_are_looked_for() -> None:
    asked = HttpTargets(HttpOptions("http://a/", every=0.5))
    assert asked.begin(100.0)
    # Each answer is followed by a look.
    assert not any(asked.begin(100.0 + n / 100) for n in range(200))
    assert asked.begin(100.0 + LOOK)


def test_a_list_that_hangs_holds_up_no_scrape() -> None:
    let_go = threading.Event()
    with exposing() as server, exposing(b"a 1\n") as quick:
        server.before = lambda: let_go.wait(30) and None
        hung = job_of(f"{{job_name: h, http_sd_configs: [{{url: 'http://{server.address}/', refresh_interval: 1s}}]}}")
        other = job_of(
            f"{{job_name: j, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{{targets: ['{quick.address}']}}]}}"
        )
        scraper = Scraper([hung, other], MemorySink(), lambda: None, SystemClock())
        scraper.start()
        try:
            wait_until(lambda: len(quick.asked) > 3, within=20)
            (found,) = hung.discoveries
            wait_until(lambda: "no answer within" in found.trouble, within=20)
        finally:
            let_go.set()
            scraper.stop()


def test_containers_are_found_and_asked_through_the_collector(tmp_path: Path) -> None:
    """The collector's answers as they are, by a server of the test's on its socket."""
    labels = {
        "job": "shop/web",
        "instance": "10.0.0.2:8000",
        "container": "web",
        "node": "not for the container to say",
        "__scrape_interval__": "1s",
        "__scrape_timeout__": "1s",
        "__metrics_path__": "/apps/abc/metrics",
        "__scheme__": "https",
    }
    (tmp_path / "run").mkdir()
    groups: list[object] = [{"targets": ["127.0.0.1:9112"], "labels": labels}]
    server = RoleServer(
        {
            "GET /targets": lambda _: Response(json.dumps(groups).encode(), content_type="application/json"),
            "GET /apps/{id}/metrics": lambda _: Response(
                b"orders 42\n" + b"x 1\n" * len(groups[1:]), content_type="text/plain"
            ),
            "GET /metrics": lambda _: Response(b"load 1\n", content_type="text/plain"),
        },
        [unix_listener(tmp_path / "run/collector.sock")],
    )
    settings = Settings(
        metrics=MetricsSettings(scrape_interval=1.0),
        collector=CollectorSettings(scrape=ScrapeSettings(sample_limit=1)),
    )
    sink = MemorySink()
    scraper = Scraper(own_jobs(settings, tmp_path, "tuna"), sink, lambda: None, SystemClock())
    server.start()
    scraper.start()

    def values(name: str) -> dict[str, float]:
        return {k: v for c in list(sink.columns) if c.moments for k, v in (
            (text(c.labels[row]), value) for row, value in c.moments[-1][1].items()) if k.startswith(name)}  # fmt: skip

    try:
        of = 'container="web",instance="10.0.0.2:8000",job="shop/web",node="tuna"'
        wait_until(lambda: values("orders") == {f"orders{{{of}}}": 42.0})
        wait_until(lambda: values("load") == {'load{instance="tuna",job="node",node="tuna"}': 1.0})
        (loop,) = [found for found in scraper.loops() if found.job.pool == "paramedic/containers"]
        assert (loop.target.interval, loop.target.timeout, loop.target.path) == (1.0, 1.0, "/apps/abc/metrics")
        groups.append({"targets": []})
        wait_until(lambda: "sample limit exceeded" in loop.state.error, within=20)
        groups.clear()
        wait_until(lambda: any(c.closed for c in sink.columns), within=30)
        (gone,) = [c for c in sink.columns if c.closed]
        assert {text(gone.labels[row]).partition("{")[0] for row in gone.moments[-1][1]} >= {"up"}
        assert all(is_stale(value) for value in gone.moments[-1][1].values())
    finally:
        scraper.stop()
        server.stop()
