"""Which form a scraper gets, and that both say the same."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from paramedic_collector.exposition import Exposition, Family, render
from paramedic_collector.negotiate import OPENMETRICS, TEXT, answer, takes_gzip, wants_openmetrics
from paramedic_collector.role import build
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from paramedic_core.clock import SystemClock
from paramedic_core.settings import CollectorSettings, Settings
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import Request
from support_collector import NOW, container, paths, tree, v2, world

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS_3, True),
        (PROMETHEUS_2, True),
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text; version=2.0.0", False),
        ("Application/OpenMetrics-Text", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x, text/plain;q=0.1", False),
        (",;,=;q==1," * 1000, False),
    ],
)
def test_the_form_that_is_liked_best(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("header", "taken"),
    [("gzip", True), ("gzip;q=0, deflate", False), ("br, gzip;q=0.5", True), ("", False), ("identity", False)],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert takes_gzip(header) is taken
    long = "x" * 10_000
    found = answer(long, openmetrics=False, accept_encoding=header)
    assert isinstance(found.body, bytes)
    assert (gzip.decompress(found.body) if taken else found.body) == long.encode()
    assert ("Content-Encoding" in found.headers) is taken
    assert found.content_type == TEXT


def test_openmetrics_renames_no_sample() -> None:
    out = Exposition()
    out.add(Family("a_total", "counter", 'A "good" one.'), 1)
    out.add(Family("odd_failcnt", "counter", "No suffix."), 2)
    out.add(Family("b_total", "counter", "Its name is taken."), 3, x="1")
    out.add(Family("b", "gauge", "Taken."), 4)
    out.add(Family("node_vmstat_x", "untyped", "Untyped."), math.inf)
    text = render([out], openmetrics=True) + "# EOF\n"
    found = {f.name: (f.type, [(s.name, s.value) for s in f.samples]) for f in read_openmetrics(text)}
    assert found == {
        "a": ("counter", [("a_total", 1)]),
        "odd_failcnt": ("unknown", [("odd_failcnt", 2)]),
        "b_total": ("unknown", [("b_total", 3)]),
        "b": ("gauge", [("b", 4)]),
        "node_vmstat_x": ("unknown", [("node_vmstat_x", math.inf)]),
    }


def test_prometheus_clients_parsers_read_the_same_from_both(tmp_path: Path) -> None:
    c = container(finished_at=NOW - 100)
    root = tree(tmp_path, v2(c))
    for where in (Context(now=NOW), Context(paths(root), NOW, world([c]))):
        scraper = Scraper(lambda where=where: where)
        scraper.scrape()
        parts = scraper._last[1]  # one scrape in both forms
        text, openmetrics = render(parts), render(parts, openmetrics=True) + "# EOF\n"
        scraper.close()
        of_text, of_om = _read(read_text(text)), _read(read_openmetrics(openmetrics))
        assert of_om == of_text
        assert len(of_text) == sum(not line.startswith("#") for line in text.splitlines()) > 20


def _read(families: Iterable[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    # The text parser gives a counter without `_total` (container_memory_failcnt) that ending.
    return {
        (s.name.replace("failcnt_total", "failcnt"), tuple(sorted(s.labels.items()))): s.value
        for f in families
        for s in f.samples
    }


def test_the_role_serves_both_and_its_own_token_is_asked_for_on_loopback_too(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    role = build(Settings(), tmp_path, "cafe", SystemClock())
    handler = standard_routes(role)["GET /metrics"]
    plain, om = (
        handler(Request("GET", "/metrics")),
        handler(Request("GET", "/metrics", headers={"accept": PROMETHEUS_3})),
    )
    assert plain.content_type == TEXT
    assert om.content_type == OPENMETRICS
    assert isinstance(om.body, bytes)
    text = om.body.decode()
    assert text.count("# EOF") == 1
    assert text.endswith("# EOF\n")
    names = {f.name for f in read_openmetrics(text)}
    assert {"node_load1", "paramedic_collector_scrapes", "process_cpu_seconds"} <= names

    from paramedic_core.settings import Secret

    guarded = build(Settings(collector=CollectorSettings(token=Secret("s3cret"))), tmp_path, "cafe", SystemClock())
    handler = standard_routes(guarded)["GET /metrics"]
    statuses = [
        handler(Request("GET", "/metrics", headers={"authorization": text} if text else {})).status
        for text in ("", "Bearer wrong", "Basic s3cret", "Bearer s3cret", "bearer  s3cret")
    ]
    assert statuses == [401, 401, 401, 200, 200]
