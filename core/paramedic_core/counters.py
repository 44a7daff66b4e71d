"""A role's own metrics, for the roles that do without prometheus_client (it would cost each of them 3 MB).

Hub and collector use prometheus_client; the text here is the same format
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Counters:
    """Named counters and gauges with at most a few labels each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[str, float]] = {}
        self._live: dict[str, Callable[[], float]] = {}

    def counter(self, name: str, text: str) -> None:
        """Declare a counter; its name ends in `_total`."""
        self._declare(name, "counter", text)

    def gauge(self, name: str, text: str, read: Callable[[], float] | None = None) -> None:
        """Declare a gauge, read at each scrape when `read` is given."""
        self._declare(name, "gauge", text)
        if read is not None:
            self._live[name] = read

    def add(self, name: str, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a declared counter."""
        key = _labels(labels)
        with self._lock:
            series = self._values[name]
            series[key] = series.get(key, 0.0) + amount

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a declared gauge."""
        with self._lock:
            self._values[name][_labels(labels)] = value

    def get(self, name: str, /, **labels: str) -> float:
        """A series' present value; 0 when it has none."""
        with self._lock:
            return self._values[name].get(_labels(labels), 0.0)

    def render(self) -> str:
        """The text exposition of all of them."""
        for name, read in self._live.items():
            self.set(name, read())
        lines: list[str] = []
        with self._lock:
            for name, (kind, text) in sorted(self._families.items()):
                lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
                lines += [f"{name}{labels} {value:.17g}" for labels, value in sorted(self._values[name].items())]
        return "\n".join(lines) + "\n" if lines else ""

    def _declare(self, name: str, kind: str, text: str) -> None:
        with self._lock:
            if name in self._families:
                raise ValueError(f"the metric {name} is declared twice")
            self._families[name] = (kind, text)
            self._values[name] = {}


def escape(value: str) -> str:
    """A label value as the text format wants it."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{k}="{escape(v)}"' for k, v in sorted(labels.items())) + "}" if labels else ""
