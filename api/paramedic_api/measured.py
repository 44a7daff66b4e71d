"""Metrics in the hub: the store and its scrapes, and the gate before its queries."""

from __future__ import annotations

from dataclasses import dataclass

from paramedic_api.metrics import HubMetrics
from paramedic_api.prometheus.gate import Gate
from paramedic_metrics.courtesy import COURTESY
from paramedic_metrics.service import Metrics


@dataclass(frozen=True, slots=True)
class Measured:
    """What the routes below `/prometheus` work with."""

    metrics: Metrics
    gate: Gate


def make_measured(metrics: Metrics, gate: Gate, own: HubMetrics) -> Measured:
    """Put it together, and have it watched by the hub's own metrics."""
    found = Measured(metrics, gate)
    _watch(found, own)
    return found


def _watch(found: Measured, own: HubMetrics) -> None:
    scraper, receiver, gate = found.metrics.scraper, found.metrics.receiver, found.gate
    watch = own.watch
    watch("paramedic_scrape_targets", "Targets that are scraped.", lambda: len(scraper.loops()))
    watch("paramedic_scrapes_total", "Scrapes.", lambda: sum(loop.state.scrapes for loop in scraper.loops()))
    watch(
        "paramedic_scrape_failures_total",
        "Scrapes that failed.",
        lambda: sum(loop.state.failures for loop in scraper.loops()),
    )
    watch(
        "paramedic_scrapes_missed_total",
        "Scrapes left out because the one before had not ended.",
        lambda: scraper.missed,
    )
    watch("paramedic_remote_write_requests_total", "Remote write requests that came.", lambda: receiver.requests)
    watch("paramedic_remote_write_samples_total", "Samples of remote write that were stored.", lambda: receiver.samples)
    watch(
        "paramedic_remote_write_refused_total", "Samples of remote write that were refused.", lambda: receiver.refused
    )
    watch(
        "paramedic_remote_write_invalid_total",
        "Series of remote write without usable labels.",
        lambda: receiver.invalid,
    )
    watch(
        "paramedic_remote_write_dropped_total",
        "Native histograms and exemplars of remote write, which are not kept.",
        lambda: receiver.histograms + receiver.exemplars,
    )
    watch("paramedic_queries_running", "Queries that run now.", lambda: gate.running)
    watch("paramedic_queries_heavy", "Heavy queries among those that run.", lambda: gate.heavy)
    watch("paramedic_queries_gave_way_total", "Pieces of queries that waited for a page.", lambda: COURTESY.waited)
    watch("paramedic_queries_waiting", "Queries that wait for their turn.", lambda: gate.waiting)
    watch(
        "paramedic_queries_refused_total",
        "Queries that found too many waiting, or waited too long.",
        lambda: gate.refused,
    )
