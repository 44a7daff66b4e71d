"""The explorer: one expression over one range, as a chart and a table that are there without a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paramedic_api.hub import Hub
from paramedic_api.page.charts import spark
from paramedic_api.prometheus.errors import QueryProblem
from paramedic_api.prometheus.patience import Patience
from paramedic_core.errors import ParamedicError
from paramedic_metrics.answer.numbers import value_text
from paramedic_metrics.promql.errors import ParseError, QueryCanceled
from paramedic_metrics.promql.results import MatrixResult
from paramedic_metrics.series import Labels

RANGES: Mapping[str, tuple[str, int]] = {
    "15m": ("15 minutes", 900),
    "1h": ("1 hour", 3600),
    "6h": ("6 hours", 21_600),
    "24h": ("24 hours", 86_400),
    "7d": ("7 days", 604_800),
}
_POINTS = 240
_DRAWN = 10
_ROWS = 100
_NAMES = 1000
_PATIENCE = 10.0
_WIDTH, _HEIGHT = 800.0, 240.0
EXAMPLES = (
    (
        "CPU of the node, cores in use",
        'sum by (instance) (rate(node_cpu_seconds_total{mode!~"idle|iowait|steal"}[5m]))',
    ),
    ("Memory in use", "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes"),
    ("Room on disks", "node_filesystem_avail_bytes / node_filesystem_size_bytes"),
    ("CPU of containers", "topk(10, sum by (name) (rate(container_cpu_usage_seconds_total[5m])))"),
    ("Memory of containers", "topk(10, container_memory_working_set_bytes)"),
    ("Targets that are scraped", "up"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One series."""

    name: str
    line: str
    """The `d` of its path in the chart; empty where it is not drawn."""
    last: str
    least: str
    most: str


def explore(hub: Hub, expression: str, lasting: str) -> dict[str, Any]:
    """What the page shows.

    Args:
        hub: whose metrics are asked.
        expression: PromQL; empty for none yet.
        lasting: one of `RANGES`.
    """
    lasting = lasting if lasting in RANGES else "1h"
    seconds = RANGES[lasting][1]
    step = max(1, seconds // _POINTS)
    end = int(hub.clock.now() // step * step)
    page: dict[str, Any] = {
        "expression": expression,
        "range": lasting,
        "ranges": [(value, words) for value, (words, _) in RANGES.items()],
        "examples": EXAMPLES,
        "names": _names(hub),
        "start": end - seconds,
        "end": end,
        "step": step,
        "rows": [],
        "count": 0,
        "problem": "",
        "where": None,
        "warnings": [],
        "low": "",
        "high": "",
        "drawn": _DRAWN,
    }
    if expression.strip():
        page |= _answered(hub, expression, (end - seconds, end, step))
    return page


def _answered(hub: Hub, expression: str, grid: tuple[int, int, int]) -> dict[str, Any]:
    start, end, step = (1000 * moment for moment in grid)
    try:
        patience = Patience(_PATIENCE, hub.clock, lambda: False, hub.stopping)
        with hub.measured.gate.through(patience.left):
            answer = hub.measured.metrics.engine.range(expression, start, end, step, canceled=patience.event)
            found = answer.data
            if not isinstance(found, MatrixResult):
                return {"problem": "this has no values over time"}
            return {"warnings": [*answer.warnings, *answer.infos], **_drawn(found)}
    except ParseError as error:
        begin, stop = error.span.start, max(error.span.end, error.span.start + 1)
        where = (expression[:begin], expression[begin:stop] or " ", expression[stop:])
        return {"problem": str(error), "where": where}
    except QueryCanceled:
        return {"problem": f"it took longer than {_PATIENCE:g} s: ask for fewer series or a shorter time"}
    except (ParamedicError, QueryProblem) as error:
        return {"problem": str(error)}


def _drawn(found: MatrixResult) -> dict[str, Any]:
    mask = found.mask
    masked = found.values if mask is None else np.where(mask, found.values, np.nan)
    finite = np.where(np.isfinite(masked), masked, np.nan)
    shown = finite[:_DRAWN]
    known = shown[~np.isnan(shown)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if low >= 0 and low < high / 2:
        low = 0.0  # a share of the whole is seen best from the ground
    top = high if high > low else low + (abs(low) or 1.0)
    rows = []
    for place, labels in enumerate(found.labels[:_ROWS]):
        values = finite[place]
        there = values[~np.isnan(values)]
        points = [None if v != v else v for v in values.tolist()]  # noqa: PLR0124  only NaN differs from itself
        line = spark(points, low=low, high=top, width=_WIDTH, height=_HEIGHT) if place < _DRAWN else ""
        least, most = (_short(float(there.min())), _short(float(there.max()))) if there.size else ("", "")
        present = masked[place] if mask is None else masked[place][mask[place]]
        rows.append(Row(name_of(labels), line, _short(float(present[-1])) if present.size else "", least, most))
    return {"rows": rows, "count": len(found.labels), "low": _short(low), "high": _short(top)}


def name_of(labels: Labels) -> str:
    """A series as people write it."""
    inner = ", ".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
    name = dict(labels).get("__name__", "")
    return name + (f"{{{inner}}}" if inner or not name else "")


def _short(value: float) -> str:
    """Six digits are enough to look at."""
    return value_text(float(f"{value:.6g}"))


def _names(hub: Hub) -> list[str]:
    """Names of metrics, for the field to suggest."""
    end = round(hub.clock.now() * 1000)
    try:
        return hub.measured.metrics.store.label_values("__name__", (), end - 3_600_000, end)[:_NAMES]
    except ParamedicError:
        return []
