"""`/api/v1/names`: the names that are answered, and why an asker gets what it gets."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

from flask import Blueprint
from pydantic import Field

from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.lists import ListQuery, cut
from paramedic_api.openapi import answers, spec
from paramedic_api.resource import Resource
from paramedic_api.shapes import Body, Listing, Shape, plain, readable

bp = Blueprint("names", __name__)
TYPES = ("A", "AAAA", "SRV", "PTR", "TXT")


class Names(Resource):
    """Names and answers."""

    name = "names"
    blueprint = bp


class NameMember(Shape):
    """A container behind a name."""

    container: str
    in_service: bool
    why: str = Field("", description="why it is out of service, or why this asker is not given it")
    addresses: dict[str, str] = Field(default_factory=dict, description="by network")
    given: list[str] = Field(default_factory=list, description="what this asker is given; in a list of names nothing")


class Name(Shape):
    """One name."""

    host: str
    name: str
    of: str = Field(description="the service's key, or the container's name")
    rule: str = Field(description="which members are given: service, all, healthy, one, host, text")
    members: list[NameMember]


class NameList(Listing):
    """Names, in order."""

    items: list[Name]


class Asker(Shape):
    """Who asks, as the server sees it."""

    kind: str
    address: str
    asks_at: str = ""
    container: str = ""
    project: str = ""
    networks: list[str] = Field(default_factory=list)


class NameRecord(Shape):
    """One record of an answer."""

    name: str
    type: str
    ttl: int = Field(description="seconds")
    value: str


class Resolution(Shape):
    """What an asker would get, and why."""

    host: str
    name: str
    type: str
    asker: Asker
    by: str = Field(description="zone, forward (another server is asked) or view (the asker is not known)")
    rcode: str = ""
    why: str = ""
    of: str = ""
    records: list[NameRecord] = Field(default_factory=list)
    members: list[NameMember] = Field(default_factory=list)


class ResolveQuery(Body):
    """A question."""

    name: str = Field(min_length=1, max_length=255, description="a whole name, with or without the dot at its end")
    type: Literal["A", "AAAA", "SRV", "PTR", "TXT"] = "A"
    source: str = Field("127.0.0.1", max_length=300, alias="from", description="who asks: an address, or a container")


@bp.get("/api/v1/names")
@spec.validate(resp=answers(NameList, 400, 404, 503), tags=["names"])
def names(query: ListQuery) -> dict[str, object]:
    """Every name that is answered, with its members and why one of them is out of service."""
    hub = this_hub()
    known = hub.dns.get("/records")
    raw = [{"host": hub.host, **row} for row in known["records"]] if query.host in ("", hub.host) else []
    items, unread = readable(Name, sorted(raw, key=lambda row: str(row["name"])))
    chosen, following = cut(items, lambda n: n.name, query)
    return plain(NameList(items=chosen, next=following, as_of=known["at"], warnings=unread))


@bp.get("/api/v1/names/resolve")
@spec.validate(resp=answers(Resolution, 400, 404, 503), tags=["names"])
def resolve(query: ResolveQuery) -> dict[str, object]:
    """What an asker would get for a name, member by member, and why."""
    return plain(resolution(this_hub(), query.name, query.type, query.source))


def resolution(hub: Hub, name: str, kind: str, source: str) -> Resolution:
    """Ask the dns role what `source` would get; raises what that role answers."""
    asked: dict[str, Any] = {"name": name.strip(), "type": kind, "from": source.strip() or "127.0.0.1"}
    return Resolution.model_validate({"host": hub.host, **hub.dns.get(f"/resolve?{urlencode(asked)}")})
