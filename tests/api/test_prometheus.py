"""Prometheus' API below /prometheus: forms, errors, limits, who may ask; every answer held against the published description."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from flask.testing import FlaskClient

from paramedic_api.app import make_app
from paramedic_api.hub import make_hub
from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.config.text import parse
from paramedic_core.settings import HubSettings, MetricsSettings, Settings
from paramedic_metrics.scrape.config import read
from paramedic_metrics.series import STALE, Labels
from support_hub import stand
from support_metrics import MemoryStore, delimited, exposing, remote_request, remote_series
from support_series import labels
from support_wait import wait_until

API = "/prometheus/api/v1/"
T0 = 1_700_000_000


def series(name: str, values: list[float], **pairs: str) -> list[tuple[Labels, int, float]]:
    return [(labels(name, **pairs), (T0 + 15 * n) * 1000, value) for n, value in enumerate(values)]


@pytest.fixture
def store() -> MemoryStore:
    found = MemoryStore()
    found.add(series("up", [1.0] * 40, job="node", instance="tuna"))
    found.add(series("up", [0.0] * 20 + [STALE], job="app", instance="b"))
    found.add(series("requests_total", [10.5 * n for n in range(40)], job="app", instance="b"))
    found.add(series("big", [1e21, 1e-7, float("nan"), float("inf"), 123456789.0], job="app"))
    return found


@pytest.fixture
def client(store: MemoryStore, tmp_path: Path) -> Iterator[FlaskClient]:
    settings = Settings(node="tuna", hub=HubSettings(listen="127.0.0.1:9110"))
    hub = make_hub(settings, tmp_path, "cafe", FakeClock(T0 + 600.0), store)
    yield make_app(hub).test_client()
    hub.measured.metrics.scraper.stop()


def schema_of() -> dict[str, Any]:
    """The published description, where PARAMEDIC_PROMETHEUS_OPENAPI says it is."""
    path = Path(os.environ.get("PARAMEDIC_PROMETHEUS_OPENAPI") or "/nowhere")
    if not path.is_file():
        # Reference data, no part of the repository: even CI, where a skip is a failure, need not have it.
        absent = pytest.xfail if os.environ.get("CI") == "true" else pytest.skip
        absent("PARAMEDIC_PROMETHEUS_OPENAPI names no openapi_3.1_golden.yaml of Prometheus")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def ask(client: FlaskClient, path: str, status: int = 200, **parameters: Any) -> Any:
    """GET, and the same by POST with a form where that is allowed; both answer alike."""
    answer = client.get(API + path, query_string=parameters)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    if path in ("query", "query_range", "series", "labels", "query_exemplars", "format_query", "parse_query"):
        posted = client.post(API + path, data=parameters)
        assert (posted.status_code, posted.data) == (status, answer.data)
    return answer.get_json()


def test_a_string_is_as_prometheus_writes_it(client: FlaskClient) -> None:
    # Its published description says two strings; it writes a number and a string (util/jsonutil), and so do we.
    assert ask(client, "query", query='"text"', time=T0)["data"] == {"resultType": "string", "result": [T0, "text"]}


def test_an_instant_query(client: FlaskClient) -> None:
    assert ask(client, "query", query="sort(up)", time=T0 + 60) == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {"metric": {"__name__": "up", "instance": "b", "job": "app"}, "value": [T0 + 60, "0"]},
                {"metric": {"__name__": "up", "instance": "tuna", "job": "node"}, "value": [T0 + 60, "1"]},
            ],
        },
    }


def test_grafanas_first_question(client: FlaskClient) -> None:
    assert ask(client, "query", query="1+1", time=4)["data"] == {"resultType": "scalar", "result": [4, "2"]}
    assert "features" not in ask(client, "status/buildinfo")["data"]


def test_a_range_query_has_gaps_where_there_is_no_sample(client: FlaskClient) -> None:
    data = ask(client, "query_range", query='up{job="app"}', start=T0, end=T0 + 600, step=60)["data"]
    assert data["resultType"] == "matrix"
    assert data["result"][0]["values"] == [[T0 + 60 * n, "0"] for n in range(5)]


def test_numbers_are_as_go_writes_them(client: FlaskClient) -> None:
    body = client.get(API + "query", query_string={"query": "big[10m]", "time": T0 + 60.5}).text
    assert (
        '[[1700000000,"1e+21"],[1700000015,"1e-07"],[1700000030,"NaN"],[1700000045,"+Inf"],[1700000060,"123456789"]]'
        in body
    )
    body = client.get(API + "query", query_string={"query": "vector(0.5)", "time": "1700000000.123"}).text
    assert '"value":[1700000000.123,"0.5"]' in body


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "why"),
    [
        ("query", {"query": "up{"}, 400, "bad_data", "parse error"),
        ("query", {"query": ""}, 400, "bad_data", ""),
        (
            "query",
            {"query": "up", "time": "yesterday"},
            400,
            "bad_data",
            'invalid parameter "time": cannot parse "yesterday" to a valid timestamp',
        ),
        ("query", {"query": "up", "timeout": "soon"}, 400, "bad_data", 'cannot parse "soon" to a valid duration'),
        ("query", {"query": "up", "limit": "-1"}, 400, "bad_data", 'invalid parameter "limit"'),
        ("query", {"query": "up + on() up", "time": T0}, 422, "execution", "many"),
        (
            "query_range",
            {"query": "up", "start": T0, "end": T0 - 1, "step": 1},
            400,
            "bad_data",
            "end timestamp must not be before start time",
        ),
        ("query_range", {"query": "up", "start": T0, "end": T0, "step": 0}, 400, "bad_data", "zero or negative"),
        (
            "query_range",
            {"query": "up", "start": T0, "end": T0 + 11_001, "step": 1},
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query_range",
            {"query": "up[5m]", "start": T0, "end": T0, "step": 1},
            400,
            "bad_data",
            'invalid expression type "range vector"',
        ),
        ("query_range", {"query": "up", "end": T0, "step": 1}, 400, "bad_data", 'invalid parameter "start"'),
        ("series", {}, 400, "bad_data", "no match[] parameter provided"),
        ("series", {"match[]": "sum(up)"}, 400, "bad_data", "no selector"),
        ("labels", {"match[]": "up{"}, 400, "bad_data", "parse error"),
        ("query", {"query": "up{"}, 400, "bad_data", 'invalid parameter "query": 1:4: parse error: '),
        (
            "query_range",
            {"query": "up{", "start": T0, "end": T0, "step": 1},
            400,
            "bad_data",
            'invalid parameter "query": 1:4: parse error: ',
        ),
        ("format_query", {"query": "up{"}, 400, "bad_data", 'invalid parameter "query": 1:4: parse error: '),
        ("parse_query", {"query": "up{"}, 400, "bad_data", 'invalid parameter "query": 1:4: parse error: '),
        ("query", {"query": "limitk(1, up)"}, 400, "bad_data", "is experimental"),
        ("query", {"query": "up", "time": "1e400"}, 400, "bad_data", 'cannot parse "1e400" to a valid timestamp'),
        (
            "query_range",
            {"query": "up", "start": T0, "end": T0 + 10, "step": "1e-4"},
            400,
            "bad_data",
            "exceeded maximum resolution",
        ),
        ("query_exemplars", {"query": "up", "start": 2, "end": 1}, 400, "bad_data", "before start timestamp"),
        ("rules", {"type": "x"}, 400, "bad_data", 'invalid parameter "type": not supported value "x"'),
        ("status/tsdb", {"limit": 0}, 400, "bad_data", "limit must be a positive number"),
        ("metadata", {"limit": "x"}, 400, "bad_data", "limit must be a number"),
        ("targets/metadata", {"limit": "x"}, 400, "bad_data", "limit must be a number"),
        ("targets/metadata", {"match_target": "{job="}, 400, "bad_data", 'invalid parameter "match_target": 1:6: '),
        ("targets", {"state": "odd"}, 400, "bad_data", "none of active"),
        ("nothing", {}, 404, "not_found", "there is no"),
    ],
)
def test_errors_have_prometheus_form(
    client: FlaskClient, path: str, parameters: Any, status: int, kind: str, why: str
) -> None:
    found = client.get(API + path, query_string=parameters)
    assert found.status_code == status, found.text
    document = found.get_json()
    assert set(document) == {"status", "errorType", "error"}
    assert (document["status"], document["errorType"]) == ("error", kind)
    assert why in document["error"]


def test_absurd_times_are_taken(client: FlaskClient) -> None:
    assert ask(client, "query_exemplars", query="test", start=T0 * 1000, end=T0 * 1000)["data"] == []
    assert ask(client, "query", query="up", time=1e30)["data"]["result"] == []
    assert ask(client, "query", query="up", time="2023-11-14T22:14:20.5Z")["data"]["result"] != []
    assert ask(client, "labels", start=-1e300, end=1e300)["data"] == ["__name__", "instance", "job"]


def test_what_prometheus_takes_too(client: FlaskClient) -> None:
    assert ask(client, "labels", start=2, end=1)["data"] == []
    assert ask(client, "series", **{"match[]": "up", "start": 2, "end": 1})["data"] == []
    assert ask(client, "labels", start="-Inf", end="+Inf")["data"] == ["__name__", "instance", "job"]
    assert ask(client, "metadata", limit=-1, limit_per_metric=-1)["data"] == {}
    assert ask(client, "rules", type="Alert")["data"] == {"groups": []}
    assert ask(client, "query_range", query="1", start=T0, end=T0, step="1e-4")["data"]["result"] != []
    assert ask(client, "status/walreplay")["data"] == {"min": 0, "max": 0, "current": 0}
    found = ask(client, "query", query="year(vector(1e18))")
    assert found["data"]["result"][0]["value"][1] == "31688740476"


def test_experimental_functions_are_a_setting(store: MemoryStore, tmp_path: Path) -> None:
    metrics = MetricsSettings(promql_experimental_functions=True)
    hub = make_hub(Settings(node="tuna", metrics=metrics), tmp_path, "cafe", FakeClock(T0 + 600.0), store)
    client = make_app(hub).test_client()
    query = 'sort_by_label(limitk(5, up), "instance")'
    found = ask(client, "query", query=query, time=T0 + 60)["data"]["result"]
    assert [one["metric"]["instance"] for one in found] == ["b", "tuna"]
    assert len(ask(client, "query", query=query, time=T0 + 60, lookback_delta="1m")["data"]["result"]) == 2
    assert ask(client, "format_query", query="limitk(5,up)")["data"] == "limitk(5, up)"
    assert ask(client, "parse_query", query="limitk(5,up)")["data"]["op"] == "limitk"
    assert ask(client, "status/flags")["data"]["enable-feature"] == "promql-experimental-functions"


def test_a_query_as_long_as_one_may_be_fits_into_an_address() -> None:
    query = "1" + "+1" * 32_767
    with stand("none", serve=True, furnished=False) as hub:
        for text, status in ((query, 200), (query + "+1", 400)):
            connection = http.client.HTTPConnection("127.0.0.1", hub.server.port, timeout=30)
            connection.request("GET", f"{API}query?{urllib.parse.urlencode({'query': text})}")
            assert connection.getresponse().status == status
            connection.close()


def test_what_a_path_does_not_take_is_said(client: FlaskClient) -> None:
    found = client.put(API + "query", data={"query": "up"})
    assert (found.status_code, found.get_json()["errorType"]) == (405, "bad_data")
    assert client.post(API + "rules").status_code == 405


def test_names_values_and_series(client: FlaskClient) -> None:
    assert ask(client, "label/job/values")["data"] == ["app", "node"]
    assert ask(client, "label/__name__/values", limit=1) == {
        "status": "success",
        "data": ["big"],
        "warnings": ["results truncated due to limit"],
    }
    assert ask(client, "label/U__job/values")["data"] == ["app", "node"]
    assert ask(client, "label/job/values", **{"match[]": 'up{instance="b"}'})["data"] == ["app"]
    assert ask(client, "labels", **{"match[]": "big"})["data"] == ["__name__", "job"]
    both = ask(client, "series", **{"match[]": ['up{job="node"}', "big"]})["data"]
    assert both == [
        {"__name__": "big", "job": "app"},
        {"__name__": "up", "instance": "tuna", "job": "node"},
    ]


def test_limit_and_lookback_of_a_query(client: FlaskClient) -> None:
    found = ask(client, "query", query="up", time=T0, limit=1)
    assert len(found["data"]["result"]) == 1
    assert found["warnings"] == ["results truncated due to limit"]
    assert ask(client, "query", query="up", time=T0 + 1000, lookback_delta="10m")["data"]["result"] != []
    assert ask(client, "query", query="up", time=T0 + 1000)["data"]["result"] == []


def test_gzip_when_it_is_asked_for(client: FlaskClient) -> None:
    where = API + "query_range"
    question = {"query": "requests_total", "start": T0, "end": T0 + 590, "step": 1}
    plain = client.get(where, query_string=question)
    packed = client.get(where, query_string=question, headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 3


def test_who_may_ask(client: FlaskClient, tmp_path: Path) -> None:
    from paramedic_core.sys.tokens import TokenStore

    tokens = TokenStore(tmp_path / "tokens.json")
    viewer = {"Authorization": f"Bearer {tokens.create('v', 'viewer')}"}
    question = {"query": "1"}
    assert client.post(API + "query", data=question).status_code == 200  # reading on loopback, as by GET
    afar = {"X-Forwarded-For": "192.0.2.7"}
    assert client.post(API + "query", data=question, headers=afar).status_code == 401
    assert client.post(API + "query", data=question, headers={**afar, **viewer}).status_code == 200
    # A name that a page of another site made resolve to us; and a form of such a page.
    assert client.post(API + "query", data=question, headers={"Host": "evil.example"}).status_code == 403
    assert client.post(API + "query", data=question, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(API + "query", data=question, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    # Grafana on another machine calls by a name of its own choosing, with a token.
    assert client.post(API + "query", data=question, headers={"Host": "hub.example", **viewer}).status_code == 200
    assert client.post(API + "query", json=question).status_code == 400
    denied = client.post(API + "query", data=question, headers=afar).get_json()
    assert (denied["status"], denied["errorType"]) == ("error", "unauthorized")


def test_a_form_is_bounded(client: FlaskClient) -> None:
    assert client.post(API + "query", data={"query": "a" * 500_000}).status_code == 413
    assert client.post(API + "query", data={"query": "1", "match[]": ["a"] * 200}).status_code == 200
    assert client.post(API + "labels", data={"match[]": ["a"] * 200}).status_code == 400


def test_remote_write(client: FlaskClient, store: MemoryStore, tmp_path: Path) -> None:
    from paramedic_core.sys.tokens import TokenStore

    tokens = TokenStore(tmp_path / "tokens.json")
    body = remote_request(remote_series([("__name__", "sent"), ("x", "1")], [(T0 * 1000, 2.5), (T0 * 1000 + 1, STALE)]))
    usual = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    assert client.post(API + "write", data=body, headers=usual).status_code == 401
    for role, status in (("viewer", 403), ("sender", 204), ("operator", 204)):
        usual["Authorization"] = f"Bearer {tokens.create(role, role)}"
        answer = client.post(API + "write", data=body, headers=usual)
        assert (answer.status_code, role) == (status, role)
    assert (labels("sent", x="1"), T0 * 1000, 2.5) in store.added
    second = {**usual, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
    assert client.post(API + "write", data=body, headers=second).status_code == 415
    assert client.post(API + "write", data=body, headers={**usual, "Content-Encoding": "zstd"}).status_code == 415
    assert client.post(API + "write", data=body, headers={**usual, "Content-Type": "text/plain"}).status_code == 415
    broken = client.post(API + "write", data=b"\x10garbage", headers=usual)
    assert (broken.status_code, broken.text) == (400, "snappy: corrupt input\n")
    native = remote_series([("__name__", "kept")], [(T0 * 1000, 1.5)]) + delimited(4, b"\x08\x03")
    refused = client.post(API + "write", data=remote_request(native), headers=usual)
    assert (refused.status_code, refused.text.partition(":")[0]) == (
        400,
        "native histograms are not kept (1 left out, 1 samples of the request stored)",
    )
    assert (labels("kept"), T0 * 1000, 1.5) in store.added
    nameless = client.post(API + "write", data=remote_request(remote_series([("x", "1")], [(1, 1.0)])), headers=usual)
    assert nameless.status_code == 400
    assert client.post(API + "write", data=b"x" * (5 << 20), headers=usual).status_code == 413


def test_a_query_ends_when_its_time_is_over(client: FlaskClient) -> None:
    hub = client.application.extensions["hub"]
    clock = hub.clock
    real = hub.measured.metrics.store.select
    hub.measured.metrics.store.select = lambda *given: (clock.advance(2.0), real(*given))[1]
    found = client.get(API + "query", query_string={"query": "up + up", "timeout": "1s"})
    assert (found.status_code, found.get_json()["errorType"]) == (503, "timeout")


def test_a_query_ends_while_its_answer_is_written(client: FlaskClient) -> None:
    engine = client.application.extensions["hub"].measured.metrics.engine
    worked_out, real = threading.Event(), engine.instant

    def instant(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        worked_out.set()
        return found

    engine.instant = instant
    found = client.get(
        API + "query",
        query_string={"query": "up", "time": T0 + 60},
        environ_overrides={"waitress.client_disconnected": worked_out.is_set},
    )
    assert worked_out.is_set()
    assert (found.status_code, found.get_json()["errorType"]) == (499, "canceled")


@pytest.mark.parametrize("path", ["series", "labels", "label/job/values"])
def test_names_are_looked_up_no_longer_than_they_are_wanted(tmp_path: Path, path: str) -> None:
    hub = make_hub(Settings(node="tuna"), tmp_path, "cafe", SystemClock())
    opened = hub.measured.metrics.store
    opened.start()
    try:
        wait_until(lambda: opened.ready().ready)
        now = int(hub.clock.now() * 1000)
        opened.add([(labels("up", n=str(n)), now, 1.0) for n in range(2_000)])
        asked = {"match[]": 'up{n=~"1.*"}'}
        client = make_app(hub).test_client()
        found = client.get(API + path, query_string=asked)
        assert found.status_code == 200, found.text
        gone = {"waitress.client_disconnected": lambda: True}
        found = client.get(API + path, query_string=asked, environ_overrides=gone)
        assert (found.status_code, found.get_json()["errorType"]) == (499, "canceled")
    finally:
        opened.stop()


def test_targets_and_metadata(client: FlaskClient) -> None:
    hub = client.application.extensions["hub"]
    with exposing(b"# HELP a what\n# TYPE a counter\na 1\n") as target:
        source = f"scrape_configs: [{{job_name: j, static_configs: [{{targets: ['{target.address}', 'x:1']}}], relabel_configs: [{{action: drop, source_labels: [__address__], regex: 'x:1'}}]}}]"
        hub.measured.metrics.scraper.set_jobs(read(parse(source, "p.yml"), "p.yml").jobs)
        hub.measured.metrics.scraper.look()
        before = ask(client, "targets")["data"]["activeTargets"][0]
        assert (before["health"], before["lastScrape"]) == ("unknown", "0001-01-01T00:00:00Z")
        (loop,) = hub.measured.metrics.scraper.loops()
        loop.scrape(0.0)
    data = ask(client, "targets")["data"]
    (active,) = data["activeTargets"]
    assert active["labels"] == {"instance": target.address, "job": "j"}
    assert (active["health"], active["scrapePool"], active["scrapeInterval"]) == ("up", "j", "15s")
    assert data["droppedTargetCounts"] == {"j": 1}
    assert ask(client, "metadata")["data"] == {"a": [{"type": "counter", "help": "what", "unit": ""}]}
    assert ask(client, "metadata", metric="b")["data"] == {}
    # As Prometheus 3.16 itself answers: 0 is none, less is all; of each family 0 is all.
    for limit, count in (("", 1), (-1, 1), (0, 0), (1, 1)):
        assert len(ask(client, "metadata", limit=limit, limit_per_metric=0)["data"]) == count
        assert len(ask(client, "targets/metadata", limit=limit)["data"]) == count
    told = {"type": "counter", "help": "what", "unit": ""}
    assert ask(client, "targets/metadata")["data"] == [{"target": active["labels"], "metric": "a", **told}]
    found = ask(client, "targets/metadata", metric="a", match_target='{job=~"j|k"}', limit=1)["data"]
    assert found == [{"target": active["labels"], **told}]
    assert ask(client, "targets/metadata", match_target='{job="k"}')["data"] == []
    assert ask(client, "targets/metadata", metric="b")["data"] == []


QUESTIONS: list[tuple[str, str, dict[str, Any], int]] = [
    ("/query", "query", {"query": "up", "time": T0}, 200),
    ("/query", "query", {"query": "1", "time": T0}, 200),
    ("/query", "query", {"query": "up[5m]", "time": T0 + 60}, 200),
    ("/query", "query", {"query": "quantile(2, up)", "time": T0}, 200),
    ("/query", "query", {"query": "up{"}, 400),
    ("/query_range", "query_range", {"query": "up", "start": T0, "end": T0 + 600, "step": 15}, 200),
    ("/query_range", "query_range", {"query": "up", "start": T0, "end": T0 + 600, "step": 0}, 400),
    ("/query_exemplars", "query_exemplars", {"query": "up", "start": T0, "end": T0}, 200),
    ("/format_query", "format_query", {"query": "sum(up)by(job)"}, 200),
    ("/format_query", "format_query", {"query": "sum("}, 400),
    ("/parse_query", "parse_query", {"query": "sum(up) by (job) > 1"}, 200),
    ("/labels", "labels", {}, 200),
    ("/label/{name}/values", "label/job/values", {}, 200),
    ("/series", "series", {"match[]": "up"}, 200),
    ("/series", "series", {}, 400),
    ("/metadata", "metadata", {}, 200),
    ("/targets", "targets", {}, 200),
    ("/scrape_pools", "scrape_pools", {}, 200),
    ("/rules", "rules", {}, 200),
    ("/alerts", "alerts", {}, 200),
    ("/alertmanagers", "alertmanagers", {}, 200),
    ("/status/config", "status/config", {}, 200),
    ("/status/runtimeinfo", "status/runtimeinfo", {}, 200),
    ("/status/buildinfo", "status/buildinfo", {}, 200),
    ("/status/flags", "status/flags", {}, 200),
    ("/status/tsdb", "status/tsdb", {}, 200),
    ("/status/walreplay", "status/walreplay", {}, 200),
    ("/targets/metadata", "targets/metadata", {}, 200),
]


@pytest.mark.parametrize(
    ("path", "asked", "parameters", "status"), QUESTIONS, ids=[f"{q[1]}-{q[3]}" for q in QUESTIONS]
)
def test_every_answer_is_as_published(
    client: FlaskClient, path: str, asked: str, parameters: dict[str, Any], status: int
) -> None:
    document = schema_of()
    body = ask(client, asked, status, **parameters)
    for method, operation in document["paths"][path].items():
        if method not in ("get", "post"):
            continue
        responses = operation["responses"]
        shape = responses["200" if status == 200 else "default"]["content"]["application/json"]["schema"]
        validator = jsonschema.Draft202012Validator({**shape, "components": document["components"]})
        assert [error.message for error in validator.iter_errors(body)] == []
    assert json.dumps(body)
