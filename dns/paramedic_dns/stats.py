"""What dns counts, under CoreDNS's names, so that its dashboards work. One thread writes, another may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from paramedic_core.counters import escape
from paramedic_dns.wire import RCODES, TYPES

SERVER = "dns://"
_BUCKETS = (0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096)
_SPREAD = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_HELP = {
    "coredns_dns_requests_total": "Questions, by protocol and type.",
    "coredns_dns_responses_total": "Answers, by rcode and the handler that gave them.",
    "coredns_cache_hits_total": "Forwarded names answered from memory.",
    "coredns_cache_misses_total": "Forwarded names that had to be asked for.",
    "coredns_proxy_requests_total": "Questions sent to other servers, by server and what came of it.",
    "coredns_forward_max_concurrent_rejects_total": "Questions not forwarded because too many were under way.",
    "paramedic_dns_dropped_total": "Packets and connections that got no answer, by reason.",
    "paramedic_dns_malformed_total": "Packets that got an error at once, by reason.",
    "paramedic_dns_prebuilt_total": "Answers that were ready before they were asked for.",
    "paramedic_dns_zone_builds_total": "Times that the names changed.",
    "paramedic_dns_persist_failures_total": "Times that the last known World could not be written.",
}
Key = tuple[str, tuple[tuple[str, str], ...]]


class Histogram:
    """A histogram with fixed bounds."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self.name, self.text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """`count` observations of `value` seconds."""
        place = 0
        for bound in self._bounds:
            if value <= bound:
                break
            place += 1
        self._counts[place] += count
        self._sum += value * count

    def lines(self) -> list[str]:
        """The text exposition."""
        out, total = [f"# HELP {self.name} {self.text}", f"# TYPE {self.name} histogram"], 0
        for bound, count in zip((*self._bounds, float("inf")), list(self._counts), strict=True):
            total += count
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            out.append(f'{self.name}_bucket{{le="{le}"}} {total}')
        return [*out, f"{self.name}_sum {self._sum:.9g}", f"{self.name}_count {total}"]


class Stats:
    """All counters of the role."""

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self.duration = Histogram(
            "coredns_dns_request_duration_seconds", "Time to an answer, from its wake or arrival.", _BUCKETS
        )
        self.programming = Histogram(
            "paramedic_dns_programming_duration_seconds", "From the engine's word to changed answers.", _SPREAD
        )
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.before_render: Callable[[], None] = lambda: None
        """Called before a scrape, to hand in what is counted elsewhere."""

    def add(self, name: str, count: int = 1, **labels: str) -> None:
        """Count."""
        self._counts[name, tuple(labels.items())] += count

    def get(self, name: str, **labels: str) -> int:
        """A counter's present value."""
        self.before_render()
        return self._counts[name, tuple(labels.items())]

    def asked(self, kind: int, rcode: int, by: str, proto: str, count: int = 1) -> None:
        """Count questions and their answers."""
        shown = TYPES.get(kind, "other")
        self.add("coredns_dns_requests_total", count, proto=proto, type=shown)
        self.add("coredns_dns_responses_total", count, plugin=by, rcode=RCODES.get(rcode, str(rcode)))

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read at each scrape; a counter where its name ends in `_total`."""
        self._gauges[name] = (text, read)

    def render(self) -> str:
        """The text exposition of all of them."""
        self.before_render()
        series: dict[str, list[str]] = {name: [] for name in _HELP}
        for (name, labels), value in sorted(dict(self._counts).items()):
            series[name].append(f"{name}{_labels(name, labels)} {value}")
        lines = []
        for name, rows in series.items():
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} counter", *rows]
        for name, (text, read) in self._gauges.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {read():.17g}"]
        return "\n".join([*lines, *self.duration.lines(), *self.programming.lines()]) + "\n"


def _labels(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    pairs = dict(labels)
    if name.startswith("coredns_"):
        # Labels that CoreDNS's dashboards group by.
        pairs["server"] = SERVER
    if name == "coredns_dns_requests_total":
        pairs |= {"family": "1", "zone": "."}
    return "{" + ",".join(f'{k}="{escape(v)}"' for k, v in sorted(pairs.items())) + "}" if pairs else ""
