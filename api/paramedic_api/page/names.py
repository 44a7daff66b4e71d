"""Names as the page shows them: each service's containers in service and why the others are not, and what an asker gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paramedic_api.hub import Hub
from paramedic_api.page.words import count, names, span
from paramedic_api.routes.names import TYPES, resolution
from paramedic_core.errors import ParamedicError

_MOST = 500
_OLD = 75.0


def page(hub: Hub, args: Mapping[str, str]) -> dict[str, Any]:
    """The page of names.

    Args:
        hub: whose.
        args: the page's query: name, type, from.
    """
    problem = ""
    known: dict[str, Any] = {"records": [], "listen": [], "shut": {}, "conflicts": [], "zone": "", "age": 0.0}
    try:
        known = hub.dns.get("/records")
    except ParamedicError as error:
        problem = str(error)
    rows = [r for r in known["records"] if isinstance(r, dict)]
    services = sorted(
        (_service(r, known["zone"]) for r in rows if _of_service(r, known["zone"])), key=lambda s: s["name"]
    )
    world = hub.feed.world
    kind = args.get("type", "A").upper()
    return {
        "problem": problem,
        "sentence": _sentence(services) if not problem else "Nothing is known of the names now.",
        "zone": str(known["zone"]).rstrip("."),
        "listen": [str(a) for a in known["listen"]],
        "shut": [(str(a), str(why)) for a, why in known["shut"].items()],
        "conflicts": [(str(c["name"]).rstrip("."), str(c["kept"]), str(c["lost"])) for c in known["conflicts"][:50]],
        "old": span(known["age"]) if _stale(known) else "",
        "services": services,
        "others": [_other(r) for r in rows if not _of_service(r, known["zone"])][:_MOST],
        "total": len(rows),
        "types": TYPES,
        "asked": {"name": args.get("name", "")[:255], "from": args.get("from", "")[:300], "type": kind},
        "containers": sorted(c.name for c in world.containers.values()) if world else [],
        "answer": _answer(hub, args, kind) if args.get("name", "").strip() and not problem else None,
    }


def _stale(known: Mapping[str, Any]) -> bool:
    """Old is what comes from the disk, or was not confirmed for longer than the engine is left unasked."""
    return bool(known.get("from_disk")) or float(known["age"]) > _OLD


def _of_service(row: Mapping[str, Any], zone: str) -> bool:
    """A service's own name: not one of its prefixes, ports or second spellings."""
    parts = str(row["name"]).removesuffix(f".{zone}").split(".")
    return row["rule"] == "service" and len(parts) == 3 and parts[2] == "svc" and "_" not in parts[0] + parts[1]


def _service(row: Mapping[str, Any], zone: str) -> dict[str, Any]:
    members = [_member(m) for m in row["members"]]
    name = str(row["name"]).rstrip(".")
    return {
        "name": name,
        "short": name.removesuffix(f".svc.{zone.rstrip('.')}"),
        "of": str(row["of"]),
        "in_service": sum(m["in_service"] for m in members),
        "members": members,
    }


def _member(member: Mapping[str, Any]) -> dict[str, Any]:
    addresses = member.get("addresses") or {}
    return {
        "container": str(member.get("container", "")),
        "in_service": bool(member.get("in_service")),
        "why": str(member.get("why", "")),
        "addresses": [(str(n), str(a)) for n, a in addresses.items()],
        "given": [str(a) for a in member.get("given") or ()],
    }


def _other(row: Mapping[str, Any]) -> dict[str, str]:
    members = [_member(m) for m in row["members"]]
    places = [a for m in members for _, a in m["addresses"]]
    told = "the host, by the address at which it is asked" if row["rule"] == "host" else names(places, 4)
    return {"name": str(row["name"]).rstrip("."), "of": str(row["of"]), "rule": str(row["rule"]), "places": told}


def _sentence(services: Iterable[Mapping[str, Any]]) -> str:
    found = list(services)
    short = [s for s in found if s["in_service"] < len(s["members"])]
    if not found:
        return "No service has a name yet."
    if not short:
        return f"{count(len(found), 'service')} can be found by name; all their containers are in service."
    parts = [f"{s['short']} ({s['in_service']} of {len(s['members'])})" for s in short]
    return f"{count(len(found), 'service')} can be found by name; not all in service of {names(parts)}."


def _answer(hub: Hub, args: Mapping[str, str], kind: str) -> dict[str, Any]:
    try:
        found = resolution(hub, args["name"][:255], kind, args.get("from", "")[:300])
    except ParamedicError as error:
        return {"problem": str(error)}
    asker = found.asker
    who = f"{asker.container} ({asker.address})" if asker.container else f"the {asker.kind} ({asker.address})"
    on = f" on {names(asker.networks)}" if asker.networks else ""
    return {
        "problem": "",
        "who": f"{who}{on}",
        "asks_at": asker.asks_at,
        "word": _word(found.by, found.rcode, len(found.records)),
        "good": bool(found.records),
        "why": found.why,
        "records": [(r.name.rstrip("."), r.type, r.ttl, r.value) for r in found.records],
        "members": [_member(m.model_dump()) for m in found.members],
    }


def _word(by: str, rcode: str, records: int) -> str:
    if by == "forward":
        return "another server is asked"
    if rcode == "NXDOMAIN":
        return "no such name"
    if rcode not in ("", "NOERROR"):
        return rcode
    return count(records, "record") if records else "the name is there, and has nothing for this asker"
