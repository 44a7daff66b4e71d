"""`/prometheus/api/v1/status/…` and `/prometheus/-/…`: what Grafana and promtool look at before they ask."""

from __future__ import annotations

import os
import platform
import threading
from collections import Counter
from typing import Any

from flask import Blueprint, Response

from paramedic_api.here import VERSION, this_hub
from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.resource import Resource
from paramedic_api.times import rfc3339
from paramedic_core.config.units import duration_text
from paramedic_metrics.scrape.shown import shown_jobs

bp = Blueprint("prometheus_status", __name__, url_prefix="/prometheus")
LIKE = "3.5.0"
"""The Prometheus whose API this is. Grafana chooses by it which calls to make; `features` must not be there, else it takes us for Mimir."""
_SHOWN = 10


class PrometheusStatus(Resource):
    """What the server is."""

    name = "prometheus_status"
    blueprint = bp


@bp.get("/-/healthy")
@endpoint
def healthy() -> Response:
    """As Prometheus says it."""
    return Response("paramedic is Healthy.\n", content_type="text/plain; charset=utf-8")


@bp.get("/-/ready")
@endpoint
def ready() -> Response:
    """Whether the store can be asked."""
    found = this_hub().measured.metrics.store.ready()
    text = "paramedic is Ready.\n" if found.ready else f"Service Unavailable: {found.reason}\n"
    return Response(text, 200 if found.ready else 503, content_type="text/plain; charset=utf-8")


@bp.get("/api/v1/status/buildinfo")
@endpoint
def buildinfo() -> Response:
    """The version whose API this is; the revision tells our own."""
    return answers.data(
        {
            "version": LIKE,
            "revision": f"paramedic-{VERSION}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python{platform.python_version()}",
        }
    )


@bp.get("/api/v1/status/config")
@endpoint
def config() -> Response:
    """The jobs that are scraped, secrets hidden."""
    import yaml  # noqa: PLC0415  it is 1 MB that is rarely needed

    jobs = [pool.job for pool in this_hub().measured.metrics.scraper.pools()]
    return answers.data({"yaml": yaml.safe_dump({"scrape_configs": shown_jobs(jobs)}, sort_keys=False)})


@bp.get("/api/v1/status/flags")
@endpoint
def flags() -> Response:
    """The settings that in Prometheus are flags."""
    own = this_hub().settings.metrics
    return answers.data(
        {
            "enable-feature": "promql-experimental-functions" if own.promql_experimental_functions else "",
            "query.lookback-delta": "5m",
            "query.max-concurrency": str(own.query_concurrency),
            "query.max-samples": str(own.query_samples),
            "query.timeout": duration_text(own.query_timeout),
            "storage.tsdb.retention.size": f"{own.retention_bytes}B",
            "storage.tsdb.retention.time": duration_text(own.retention),
            "web.enable-remote-write-receiver": "true",
        }
    )


@bp.get("/api/v1/status/runtimeinfo")
@endpoint
def runtimeinfo() -> Response:
    """The process; what only Go has is empty or 0."""
    hub = this_hub()
    metrics, own = hub.measured.metrics, hub.settings.metrics
    return answers.data(
        {
            "startTime": rfc3339(metrics.started),
            "CWD": str(hub.data),
            "hostname": hub.node,
            "serverTime": rfc3339(hub.clock.now()),
            "reloadConfigSuccess": not metrics.file.wrong,
            "lastConfigTime": rfc3339(metrics.file.loaded_at or metrics.started),
            "corruptionCount": metrics.store.standing().damaged,
            "goroutineCount": threading.active_count(),
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": f"{duration_text(own.retention)} or {own.retention_bytes}B",
        }
    )


@bp.get("/api/v1/status/walreplay")
@endpoint
def walreplay() -> Response:
    """How far reading the log is; whoever can be answered here has done so. Prometheus counts segments, and we have none to count."""
    return answers.data({"min": 0, "max": 0, "current": 0})


@bp.get("/api/v1/status/tsdb")
@endpoint
def tsdb() -> Response:
    """What the store holds, and what of it is most."""
    store, most = this_hub().measured.metrics.store, parameters.positive("limit", _SHOWN)
    standing = store.standing()
    names: Counter[str] = Counter()
    values: dict[str, set[str]] = {}
    pairs: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    for labels in store.series((), -parameters.FAR, parameters.FAR):
        for name, value in labels:
            pairs[f"{name}={value}"] += 1
            if value not in values.setdefault(name, set()):
                values[name].add(value)
                memory[name] += len(value)
            if name == "__name__":
                names[value] += 1
    counts = Counter({name: len(held) for name, held in values.items()})
    return answers.data(
        {
            "headStats": {
                "numSeries": standing.series,
                "numLabelPairs": len(pairs),
                "chunkCount": standing.blocks,
                "minTime": standing.oldest,
                "maxTime": standing.newest,
            },
            "seriesCountByMetricName": _most(names, most),
            "labelValueCountByLabelName": _most(counts, most),
            "memoryInBytesByLabelName": _most(memory, most),
            "seriesCountByLabelValuePair": _most(pairs, most),
        }
    )


def _most(counts: Counter[str], most: int) -> list[dict[str, Any]]:
    return [{"name": name, "value": count} for name, count in counts.most_common(min(most, 10_000))]
