"""`/prometheus/api/v1/targets` and `scrape_pools`: who is scraped, and how that goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response

from paramedic_api.here import this_hub
from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.answers import endpoint
from paramedic_api.prometheus.errors import bad_parameter
from paramedic_api.resource import Resource
from paramedic_api.times import rfc3339
from paramedic_core.errors import BadInput
from paramedic_metrics.promql.parser import parse_selector
from paramedic_metrics.promql.regex import matches
from paramedic_metrics.scrape.loop import Loop
from paramedic_metrics.scrape.targets import duration_text
from paramedic_metrics.series import Matcher

bp = Blueprint("prometheus_targets", __name__, url_prefix="/prometheus/api/v1")
_NEVER = "0001-01-01T00:00:00Z"
"""As Go writes a time that there was not."""
_STATES = ("", "any", "active", "dropped")


class PrometheusTargets(Resource):
    """Targets."""

    name = "prometheus_targets"
    blueprint = bp


@bp.get("/targets")
@endpoint
def targets() -> Response:
    """All targets, with what their last scrape came to."""
    state, wanted = parameters.text("state").lower(), parameters.text("scrapePool")
    if state not in _STATES:
        raise bad_parameter("state", f"{state[:40]!r} is none of active, dropped, any")
    pools = [p for p in this_hub().measured.metrics.scraper.pools() if not wanted or p.job.pool == wanted]
    active = [_shown(loop) for pool in pools for loop in list(pool.loops.values())]
    dropped = [{"discoveredLabels": labels, "scrapePool": p.job.pool} for p in pools for labels in p.dropped]
    return answers.data(
        {
            "activeTargets": [] if state == "dropped" else active,
            "droppedTargets": [] if state == "active" else dropped,
            "droppedTargetCounts": {p.job.pool: p.dropped_count for p in pools},
        }
    )


@bp.get("/targets/metadata")
@endpoint
def targets_metadata() -> Response:
    """What each target says of its families, or of one of them; the limit counts before a target, as in Prometheus."""
    limit, wanted = parameters.count_or_all("limit"), parameters.text("metric")
    matchers = _matchers(parameters.text("match_target"))
    found: list[dict[str, Any]] = []
    for loop in this_hub().measured.metrics.scraper.loops():
        if limit is not None and len(found) >= limit:
            break
        labels = dict(loop.target.labels)
        if not all(matches(each, labels.get(each.name, "")) for each in matchers):
            continue
        said = loop.families
        for name in [wanted] if wanted in said else [] if wanted else list(said):
            about = {"target": labels} | ({} if wanted else {"metric": name})
            found.append(about | {"type": said[name].type, "help": said[name].help, "unit": said[name].unit})
    return answers.data(found)


def _matchers(text: str) -> Sequence[Matcher]:
    if not text:
        return ()
    try:
        return parse_selector(text)
    except BadInput as error:
        raise bad_parameter("match_target", str(error)) from None


@bp.get("/scrape_pools")
@endpoint
def scrape_pools() -> Response:
    """The jobs' names."""
    return answers.data({"scrapePools": [p.job.pool for p in this_hub().measured.metrics.scraper.pools()]})


def _shown(loop: Loop) -> dict[str, Any]:
    target, state = loop.target, loop.state
    return {
        "discoveredLabels": dict(loop.discovered),
        "labels": dict(target.labels),
        "scrapePool": loop.job.pool,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": state.error,
        "lastScrape": rfc3339(state.at) if state.at else _NEVER,
        "lastScrapeDuration": state.seconds,
        "health": state.health,
        "scrapeInterval": duration_text(target.interval),
        "scrapeTimeout": duration_text(target.timeout),
    }
