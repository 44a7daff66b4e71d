"""paramedic's own metrics of this role, by prometheus_client: process, garbage, scrapes, World."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from paramedic_collector.apps import Apps
from paramedic_collector.scrape import Scraper


class Own(Collector):
    """What is known of the collector itself.

    Args:
        scraper: whose counts are shown.
        apps: as well.
        silence: seconds since runtime was last heard; infinite before the first time.
    """

    def __init__(self, scraper: Scraper, apps: Apps, silence: Callable[[], float]) -> None:
        self._scraper, self._apps, self._silence = scraper, apps, silence
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def render(self, *, openmetrics: bool = False) -> str:
        """The exposition of all of them; in OpenMetrics it ends with `# EOF`."""
        write = openmetrics_latest if openmetrics else generate_latest
        return write(self._registry).decode()

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client: the present values."""
        # client_golang has it, prometheus_client not, and dashboards ask for it; no limit is the largest number.
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        yield GaugeMetricFamily(
            "process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            value=2.0**64 if most == resource.RLIM_INFINITY else most,
        )
        yield CounterMetricFamily(
            "paramedic_collector_scrapes_total", "Scrapes of all sources.", value=self._scraper.scrapes
        )
        failed = CounterMetricFamily(
            "paramedic_collector_source_failures_total", "Scrapes in which a source failed.", labels=["source"]
        )
        for name, count in sorted(self._scraper.failed.items()):
            failed.add_metric([name], count)
        yield failed
        yield GaugeMetricFamily(
            "paramedic_collector_sources_stuck",
            "Sources that hang and are left behind until they return.",
            value=len(self._scraper.stuck),
        )
        deaths = sum(source.deaths for source in self._scraper.sources.values())
        yield CounterMetricFamily(
            "paramedic_collector_container_deaths_total",
            "Ends of containers that a read here was first to see.",
            value=deaths,
        )
        yield GaugeMetricFamily(
            "paramedic_collector_app_targets",
            "Containers whose labels ask to be scraped.",
            value=len(self._apps.targets()),
        )
        scrapes = CounterMetricFamily(
            "paramedic_collector_app_scrapes_total", "Scrapes of containers, by how they went.", labels=["outcome"]
        )
        for outcome in ("ok", "failed"):
            scrapes.add_metric([outcome], self._apps.outcomes[outcome])
        yield scrapes
        yield GaugeMetricFamily(
            "paramedic_collector_runtime_silence_seconds",
            "Seconds since runtime was last heard; with no World yet +Inf.",
            value=self._silence(),
        )
