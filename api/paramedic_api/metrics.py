"""The hub's own metrics, by prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Watched(Collector):
    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._name, self._text, self._read = name, text, read

    def collect(self) -> Iterator[Metric]:
        kind = CounterMetricFamily if self._name.endswith("_total") else GaugeMetricFamily
        yield kind(self._name.removesuffix("_total"), self._text, value=self._read())


class _WatchedEach(Collector):
    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterator[Metric]:
        kind = CounterMetricFamily if self._name.endswith("_total") else GaugeMetricFamily
        family = kind(self._name.removesuffix("_total"), self._text, labels=[self._label])
        for value, figure in self._read().items():
            family.add_metric([value], figure)
        yield family


class HubMetrics:
    """One registry of its own, so that two hubs in one test process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "paramedic_hub_requests_total", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "paramedic_hub_request_seconds",
            "Seconds from a request's arrival in a thread to its answer; streams are not counted.",
            buckets=(0.002, 0.01, 0.05, 0.25, 1.0, 5.0),
            registry=self.registry,
        )
        self.streams = Gauge("paramedic_hub_streams", "Pages that are live now.", registry=self.registry)
        self.streams_refused = Counter(
            "paramedic_hub_streams_refused_total",
            "Pages that were told to poll, because as many as allowed were live.",
            registry=self.registry,
        )

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge, or where its name ends in `_total` a counter, that is read at each scrape."""
        self.registry.register(_Watched(name, text, read))

    def watch_each(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """As `watch`, with one series for each value of `label`."""
        self.registry.register(_WatchedEach(name, text, label, read))

    def render(self) -> str:
        """The text exposition."""
        return generate_latest(self.registry).decode()
