"""Figures over a range that is longer than the hour in memory: asked of the store, in its own language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np

from paramedic_api.hub import Hub
from paramedic_api.prometheus.patience import Patience
from paramedic_core.model import COMPOSE_PROJECT, COMPOSE_SERVICE, Container
from paramedic_metrics.promql.results import MatrixResult

RANGES: Mapping[str, int] = {"1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800}
"""What may be asked for, in seconds."""
_POINTS = 240
_PATIENCE = 10.0
_VIRTUAL = "lo|(veth|docker|br-|virbr|cni|flannel|cali|tun|tap|dummy).*"


def of_node(node: str, window: int) -> dict[str, str]:
    """The node's expressions, by the name of the series.

    Args:
        node: the target label `node`.
        window: seconds over which rates are taken.
    """
    here = f"node={quoted(node)}"
    root = f'{here},mountpoint="/"'
    real = f"{here},device!~{quoted(_VIRTUAL)}"
    return {
        "cpu_cores": f'sum(rate(node_cpu_seconds_total{{{here},mode!~"idle|iowait|steal"}}[{window}s]))',
        "memory_bytes": f"sum(node_memory_MemTotal_bytes{{{here}}} - node_memory_MemAvailable_bytes{{{here}}})",
        "disk_bytes": f"max(node_filesystem_size_bytes{{{root}}} - node_filesystem_free_bytes{{{root}}})",
        "network_receive_bytes_per_second": f"sum(rate(node_network_receive_bytes_total{{{real}}}[{window}s]))",
        "network_transmit_bytes_per_second": f"sum(rate(node_network_transmit_bytes_total{{{real}}}[{window}s]))",
    }


def of_service(members: Sequence[Container], window: int) -> dict[str, str]:
    """A service's expressions: by Compose's labels where it has them, so that containers of before count too."""
    labels = members[0].labels if members else {}
    if labels.get(COMPOSE_SERVICE):
        project, service = quoted(labels.get(COMPOSE_PROJECT, "")), quoted(labels[COMPOSE_SERVICE])
        here = (
            f"container_label_com_docker_compose_project={project},container_label_com_docker_compose_service={service}"
        )
    else:
        here = f"name=~{quoted('|'.join(re.escape(c.name) for c in members))}"
    return {
        "cpu_cores": f"sum(rate(container_cpu_usage_seconds_total{{{here}}}[{window}s]))",
        "memory_bytes": f"sum(container_memory_working_set_bytes{{{here}}})",
    }


def window_of(hub: Hub, lasting: int) -> int:
    """Seconds over which rates are taken: four scrapes at least, and no less than a step."""
    return max(lasting // _POINTS, int(4 * hub.settings.metrics.scrape_interval), 60)


def read(hub: Hub, lasting: int, expressions: Mapping[str, str]) -> tuple[float, float, dict[str, list[float | None]]]:
    """The end in Unix seconds, the step in seconds, and the values at each, None where there is none.

    Raises:
        QueryProblem: too many queries run and wait.
        ParamedicError: the store cannot be asked.
    """
    step = max(15, lasting // _POINTS)
    end = int(hub.clock.now()) // step * step
    grid = np.arange(end - lasting, end + 1, step) * 1000
    found: dict[str, list[float | None]] = {}
    patience = Patience(_PATIENCE, hub.clock, lambda: False, hub.stopping)
    with hub.measured.gate.through(patience.left):
        for name, expression in expressions.items():
            asked = (expression, int(grid[0]), int(grid[-1]), step * 1000)
            data = hub.measured.metrics.engine.range(*asked, canceled=patience.event).data
            found[name] = _row(data, len(grid)) if isinstance(data, MatrixResult) else [None] * len(grid)
    return float(grid[-1]) / 1000, float(step), found


def _row(data: MatrixResult, count: int) -> list[float | None]:
    if not data.labels:
        return [None] * count
    values = data.values[0]
    there = np.isfinite(values) if data.mask is None else data.mask[0] & np.isfinite(values)
    return [float(value) if known else None for value, known in zip(values.tolist(), there.tolist(), strict=True)]


def quoted(text: str) -> str:
    """A string of PromQL, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
