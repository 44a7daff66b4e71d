"""`/api/v1/logs`: what containers said, those that are gone included; new lines as they come; an incident's evidence."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from flask import Blueprint, Response, request
from pydantic import Field

from paramedic_api.here import this_hub
from paramedic_api.lists import ListQuery
from paramedic_api.loglines import Wanted, find, moment
from paramedic_api.openapi import answers, spec
from paramedic_api.resource import Resource
from paramedic_api.routes.live import stream_response
from paramedic_api.shapes import At, Listing, Shape, plain, readable
from paramedic_api.streams import LogStream

bp = Blueprint("logs", __name__)


class Logs(Resource):
    """Containers' lines."""

    name = "logs"
    blueprint = bp


class Gap(Shape):
    """Lines that could not be kept."""

    reason: str = ""
    bytes: int | None = Field(None, description="how many; null where nobody can know")


class LogLine(Shape):
    """One line, or a gap among them."""

    host: str
    at: At
    ns: str = Field(description="Unix nanoseconds, as digits: more than JavaScript's numbers hold")
    container: str
    id: str = Field(description="the container's full id; two of one name are two lives")
    service: str
    stream: str = ""
    level: str = Field("", description="what the line says of its gravity; empty where it says none")
    text: str = ""
    claimed: bool = Field(default=False, description="it was sent by a client that only claims to be this container")
    cut: bool = Field(default=False, description="it was longer than 256 KiB")
    gap: Gap | None = None


class LogLines(Listing):
    """Lines, in the order that was asked for."""

    items: list[LogLine]
    partial: bool = Field(default=False, description="the search was ended after 3 s: ask for less")


class LogStreamOf(Shape):
    """A container of which lines are kept."""

    host: str
    id: str
    container: str
    service: str
    since: At = None
    claimed: bool = False


class LogStreams(Listing):
    """Containers of which lines are kept."""

    items: list[LogStreamOf]


class Moment(Shape):
    """The lines around one moment of an incident."""

    kind: str
    at: At
    container: str = Field("", alias="name", serialization_alias="container")
    more: bool = False
    lines: list[LogLine]


class Evidence(Shape):
    """The lines that were kept of an incident; they outlive the logs."""

    host: str
    incident: str
    moments: list[Moment]


class LogQuery(ListQuery):
    """Which lines."""

    service: str = Field("", max_length=300, description="its key or name; its removed containers too")
    container: str = Field("", max_length=300, description="its name, or the beginning of its id")
    text: str = Field("", max_length=1000, description="exactly as written")
    level: Literal["", "trace", "debug", "info", "warn", "error", "fatal"] = Field("", description="at least as grave")
    start: str = Field("", max_length=40, alias="from", description="not before: RFC 3339, or Unix seconds")
    end: str = Field("", max_length=40, alias="to", description="before")
    direction: Literal["backward", "forward"] = Field("backward", description="the newest first, or the oldest")

    @property
    def wanted(self) -> Wanted:
        start, end = moment(self.start, "from"), moment(self.end, "to")
        return Wanted(self.service, self.container, self.text, self.level, start, end, self.direction == "forward")


@bp.get("/api/v1/logs")
@spec.validate(resp=answers(LogLines, 400, 503), tags=["logs"])
def lines(query: LogQuery) -> dict[str, object]:
    """Lines of every container that there is or was."""
    hub = this_hub()
    if query.host not in ("", hub.host):
        return plain(LogLines(items=[], next=None, as_of=hub.clock.now()))
    found = find(hub.logs, query.wanted, query.count, query.cursor)
    items, unread = readable(LogLine, [{"host": hub.host, **line} for line in found.lines])
    warnings = [*unread, *(["the search was ended after 3 s"] if found.partial else [])]
    answer = LogLines(items=items, next=found.next, as_of=hub.clock.now(), warnings=warnings, partial=found.partial)
    return plain(answer)


@bp.get("/api/v1/logs/streams")
@spec.validate(resp=answers(LogStreams, 400, 503), tags=["logs"])
def streams(query: ListQuery) -> dict[str, object]:
    """Every container of which lines are kept, those that are gone included."""
    hub = this_hub()
    raw = hub.logs.get("/streams")["streams"] if query.host in ("", hub.host) else []
    items, unread = readable(LogStreamOf, [{**row, "host": hub.host} for row in raw[: query.count]])
    return plain(LogStreams(items=items, next=None, as_of=hub.clock.now(), warnings=unread))


@bp.get("/api/v1/logs/evidence/<incident_id>")
@spec.validate(resp=answers(Evidence, 404, 503), tags=["logs"])
def evidence(incident_id: str) -> dict[str, object]:
    """The lines that were kept of an incident: around its beginning, each act, and its end."""
    hub = this_hub()
    moments = hub.logs.get(f"/evidence/{quote(incident_id, safe='')}")["moments"]
    for one in moments:
        one["lines"] = [{"host": hub.host, **line} for line in one["lines"]]
    return Evidence.model_validate({"host": hub.host, "incident": incident_id, "moments": moments}).model_dump(
        mode="json", by_alias=True
    )


@bp.get("/api/v1/logs/tail")
def tail() -> Response:
    """New lines as server-sent events: `line` (as in the list), `missed` with a number, `beat`, and `away` at the end."""
    hub = this_hub()
    query = LogQuery.model_validate({k: request.args.get(k, "") for k in ("service", "container", "text", "level")})
    wanted: dict[str, Any] = query.wanted.query()
    return stream_response(hub, lambda slots, gone: LogStream(hub, slots, gone, wanted))
