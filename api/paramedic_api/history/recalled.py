"""The hour before this hub began, out of the store: so that the page's charts are not empty after each restart."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator

import numpy as np

from paramedic_api.history import stored
from paramedic_api.history.figures import container_of
from paramedic_api.hub import Hub
from paramedic_api.prometheus.errors import QueryProblem
from paramedic_api.prometheus.patience import Patience
from paramedic_core.errors import ParamedicError
from paramedic_metrics.promql.results import MatrixResult

log = logging.getLogger("paramedic.history")
_PATIENCE = 10.0
_NODE = {
    "cpu_cores": "node:cpu",
    "memory_bytes": "node:memory",
    "disk_bytes": "node:disk",
    "network_receive_bytes_per_second": "node:rx",
    "network_transmit_bytes_per_second": "node:tx",
}
"""Names of `stored` → those of `figures`."""
_EACH = ("id", "name")
"""The labels by which a container is known."""


def begin(hub: Hub) -> None:
    """Remember, in a thread that ends with it."""
    threading.Thread(target=recall, args=(hub,), daemon=True, name="history-recall").start()


def recall(hub: Hub) -> None:
    """Put what the store has of the hour before in front of what the keeper has seen itself."""
    keeper = hub.history
    count = keeper.room
    if not count:
        return
    step = round(1000 * keeper.interval)
    end = round(1000 * keeper.since) - step
    patience = Patience(_PATIENCE, hub.clock, lambda: False, hub.stopping)
    found: dict[str, list[float]] = {}
    try:
        with hub.measured.gate.through(patience.left):
            for name, expression in _expressions(hub):
                asked = (expression, end - (count - 1) * step, end, step)
                data = hub.measured.metrics.engine.range(*asked, canceled=patience.event).data
                if isinstance(data, MatrixResult):
                    found |= _rows(name, data)
    except (QueryProblem, ParamedicError) as error:
        log.info("the charts begin now, for the store was not asked for what was before: %s", error)
        return
    # A chart begins where something is known: an hour of nothing before it would leave its line no room.
    known = max((_known(row) for row in found.values()), default=0)
    keeper.remember(found, min(count, known))
    hub.bulletin.bump("vitals")


def _expressions(hub: Hub) -> Iterator[tuple[str, str]]:
    window = max(60, int(4 * hub.settings.metrics.scrape_interval))
    for name, expression in stored.of_node(hub.node, window).items():
        yield _NODE[name], expression
    here, by = f"node={stored.quoted(hub.node)}", ", ".join(_EACH)
    yield "cpu", f"sum by ({by}) (rate(container_cpu_usage_seconds_total{{{here}}}[{window}s]))"
    yield "memory", f"max by ({by}) (container_memory_working_set_bytes{{{here}}})"


def _known(row: list[float]) -> int:
    """How many moments there are from the first that is no gap."""
    return next((len(row) - place for place, value in enumerate(row) if not math.isnan(value)), 0)


def _rows(name: str, data: MatrixResult) -> dict[str, list[float]]:
    """Each series with gaps as NaN, by its name in the keeper."""
    values = data.values if data.mask is None else np.where(data.mask, data.values, math.nan)
    if name in _NODE.values():
        return {name: values[0].tolist()} if data.labels else {}
    keys = [container_of(dict(labels)) for labels in data.labels]
    return {f"{name}:{key}": values[row].tolist() for row, key in enumerate(keys) if key}
