"""`/api/v1/history`: figures over time, for charts: the last hour, or more of it from the store."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint
from pydantic import Field

from paramedic_api.here import this_hub
from paramedic_api.history import stored
from paramedic_api.history.stored import RANGES
from paramedic_api.hub import Hub
from paramedic_api.openapi import answers, spec
from paramedic_api.page.charts import total
from paramedic_api.prometheus.errors import QueryProblem
from paramedic_api.resource import Resource
from paramedic_api.routes.services import find_service
from paramedic_api.shapes import Body, History, plain
from paramedic_core import model
from paramedic_core.errors import Temporary

bp = Blueprint("history", __name__)


class HistoryRoutes(Resource):
    """The last hour's figures."""

    name = "history"
    blueprint = bp


class HistoryQuery(Body):
    """Of what."""

    service: str = Field("", max_length=2100, description="a service's key; empty: the node")
    range: Literal["", "1h", "6h", "24h", "7d"] = Field(
        "", description="asked of the store; empty: the last hour as it is in memory"
    )


@bp.get("/api/v1/history")
@spec.validate(resp=answers(History, 404, 503), tags=["nodes"])
def history(query: HistoryQuery) -> dict[str, object]:
    """The last hour of the node (cpu in cores, memory and disk in bytes, network in bytes a second) or of one service."""
    hub = this_hub()
    if query.range:
        return plain(_stored(hub, RANGES[query.range], query.service))
    if query.service:
        members = find_service(hub, query.service).members
        series = {"cpu_cores": summed(hub, "cpu", members), "memory_bytes": summed(hub, "memory", members)}
    else:
        names = {"cpu_cores": "cpu", "memory_bytes": "memory", "disk_bytes": "disk"}
        names |= {"network_receive_bytes_per_second": "rx", "network_transmit_bytes_per_second": "tx"}
        series = {shown: hub.history.read(f"node:{name}") for shown, name in names.items()}
    shape = History(host=hub.host, end_at=hub.history.at, interval_seconds=hub.history.interval, series=series)
    return plain(shape)


def _stored(hub: Hub, lasting: int, key: str) -> History:
    window = stored.window_of(hub, lasting)
    members = find_service(hub, key).members if key else ()
    asked = stored.of_service(members, window) if key else stored.of_node(hub.node, window)
    try:
        end, step, series = stored.read(hub, lasting, asked)
    except QueryProblem as problem:
        raise Temporary(str(problem)) from None
    return History(host=hub.host, end_at=end, interval_seconds=step, series=series)


def summed(hub: Hub, what: str, members: tuple[model.Container, ...], most: int = 0) -> list[float | None]:
    """The `cpu` or `memory` of some containers together, oldest first."""
    series = [_series(hub, what, c, most) for c in members]
    return total(series) if series else []


def _series(hub: Hub, what: str, c: model.Container, most: int) -> list[float | None]:
    by_id = hub.history.read(f"{what}:{c.id}", most)
    return by_id if any(v is not None for v in by_id) else hub.history.read(f"{what}:{c.name}", most)
