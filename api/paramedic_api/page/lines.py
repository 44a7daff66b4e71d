"""Log lines as the page shows them. Pure but for what `logs` asks of the logs role."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from paramedic_api.hub import Hub
from paramedic_api.loglines import LEVELS, Lines, Wanted, find, gap_text, moment
from paramedic_api.page.incidents import number
from paramedic_core.errors import NotFound, ParamedicError
from paramedic_core.world import World

SPANS = {"15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400, "7d": 604_800, "": 0}
"""How far back a search goes, in seconds; 0: as far as lines are kept."""
_WORDS = {"15m": "15 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "7d": "week", "": "all that is kept"}
MOST = 200
_SHOWN = 4000
"""Characters of a line; the API has the whole."""
# What terminals take for colour and movement; the rest of what does not print is shown as a mark.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TONES = {"warn": "warn", "error": "bad", "fatal": "bad"}


@dataclass(frozen=True, slots=True)
class LineView:
    """One line."""

    at: float
    ns: str
    name: str
    level: str
    tone: str
    text: str
    claimed: bool = False
    gone: bool = False
    """Its container is no longer there; the line is kept."""
    mark: str = ""
    """What is said instead of a line: a gap, or that the container is another one from here on."""


def clean(text: str) -> str:
    """A line's text as it may stand on the page: without a terminal's orders, at most so long."""
    plain = _UNSEEN.sub("�", _ESCAPES.sub("", text))
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}… ({len(plain) - _SHOWN} more characters)"


def line_views(lines: Iterable[Mapping[str, Any]], here: Collection[str], names: Mapping[str, str]) -> list[LineView]:
    """Lines, oldest first, with a mark where a container gave way to another of its name.

    Args:
        lines: the logs role's, oldest first.
        here: full ids of the containers that there are.
        names: short names, by id.
    """
    shown: list[LineView] = []
    last: dict[str, str] = {}
    for line in lines:
        container, name = str(line.get("id", "")), str(line.get("container", ""))
        known = bool(here) and not line.get("claimed")
        view = LineView(
            at=number(line.get("at")),
            ns=str(line.get("ns", "")),
            name=names.get(container, name),
            level=str(line.get("level") or ("stderr" if line.get("stream") == "stderr" else "")),
            tone=_TONES.get(str(line.get("level", "")), ""),
            text=clean(str(line.get("text", ""))),
            claimed=bool(line.get("claimed")),
            gone=known and container not in here,
            mark=gap_text(line),
        )
        if last.setdefault(name, container) != container:
            text = f"{view.name} is another container from here on (it was {last[name][:12]})"
            shown.append(replace(view, mark=text, text="", level="", tone=""))
            last[name] = container
        shown.append(view)
    return shown


def logs(hub: Hub, args: Mapping[str, str]) -> dict[str, Any]:
    """The page of logs.

    Args:
        hub: whose.
        args: the page's query: service, container, text, level, since, from, to, cursor.
    """
    world, now = hub.feed.world, hub.clock.now()
    since = args.get("since", "1h")
    since = since if since in SPANS else "1h"
    start = moment(args.get("from", "")[:40], "from")
    if not start and SPANS[since]:
        start = f"{now - SPANS[since]:.3f}"
    wanted = Wanted(
        service=args.get("service", "")[:300].strip(),
        container=args.get("container", "")[:300].strip(),
        text=args.get("text", "")[:1000],
        level=args.get("level", "") if args.get("level", "") in LEVELS else "",
        start=start,
        end=moment(args.get("to", "")[:40], "to"),
    )
    problem, found = "", Lines()
    try:
        found = find(hub.logs, wanted, MOST, args.get("cursor", "")[:300])
        streams = hub.logs.get("/streams")["streams"]
    except ParamedicError as error:
        problem, streams = str(error), []
    here = set(world.containers) if world else set()
    fixed = {"from": args.get("from", "")[:40], "to": wanted.end} if args.get("from") or wanted.end else {}
    chosen = {**wanted.query(), "since": since, **{k: v for k, v in fixed.items() if v}}
    return {
        "wanted": wanted,
        "since": since,
        "fixed": fixed,
        "spans": list(_WORDS.items()),
        "levels": LEVELS,
        "services": sorted({str(s["service"]) for s in streams if s["service"]}),
        "containers": sorted({str(s["container"]) for s in streams}),
        "gone": len({s["id"] for s in streams if not s["claimed"]} - here) if here else 0,
        "lines": line_views(found.lines[::-1], here, {}),
        "count": len(found.lines),
        "partial": found.partial,
        "older": f"?{urlencode({**chosen, 'cursor': found.next})}" if found.next else "",
        "newest": f"?{urlencode(chosen)}" if args.get("cursor") else "",
        "tail": "" if args.get("cursor") or fixed or problem else urlencode(wanted.query()) or "all=1",
        "problem": problem,
        "unread": unread(world, wanted),
    }


def unread(world: World | None, wanted: Wanted) -> list[tuple[str, str]]:
    """Names and log drivers of the containers that were asked for and whose lines are not read; at most 20."""
    if world is None or not (wanted.container or wanted.service):
        return []
    one = world.find(wanted.container) if wanted.container else None
    asked = [one] if one is not None else []
    if not wanted.container:
        asked = [c for c in world.containers.values() if wanted.service in (c.service_key, c.service)]
    return [(c.name, c.unread_driver) for c in asked if c.unread_driver][:20]


def evidence(hub: Hub, incident: str, service: str) -> dict[str, Any]:
    """The lines that were kept of an incident, by its moments; why there are none."""
    try:
        moments = hub.logs.get(f"/evidence/{quote(incident, safe='')}")["moments"]
    except NotFound:
        return {"moments": [], "why": "No lines were kept: its container said nothing then, or logs was not running."}
    except ParamedicError as error:
        return {"moments": [], "why": f"The lines that were kept cannot be shown now: {error}"}
    here = set(hub.feed.world.containers) if hub.feed.world else set()
    shown = [_moment(m, here, service) for m in moments]
    for one in [m for m in shown if m["lines"]][:1]:
        one["open"] = True
    return {"moments": shown, "why": ""}


def _moment(one: Mapping[str, Any], here: Collection[str], service: str) -> dict[str, Any]:
    around = {"from": f"{number(one.get('from')):.3f}", "to": f"{number(one.get('to')):.3f}"}
    which = {"service": service} if service else {"container": str(one.get("name", ""))}
    return {
        "kind": str(one.get("kind", "")).replace("_", " "),
        "at": number(one.get("at")),
        "seq": one.get("seq", 0),
        "more": bool(one.get("more")),
        "open": False,
        "lines": line_views(one.get("lines") or (), here, {}),
        "around": urlencode({**which, **around}),
    }
