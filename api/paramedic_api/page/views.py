"""Each page's content, made from what the hub knows; the templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paramedic_api.auth import Caller
from paramedic_api.hub import Hub
from paramedic_api.page.charts import area, spark, thin, total
from paramedic_api.page.incidents import IncidentView, incident_views, number
from paramedic_api.page.summary import short_name, summarise
from paramedic_api.page.words import size, span
from paramedic_api.present import ServiceView, figure, service_views
from paramedic_api.standing import Standing, shown
from paramedic_core.model import Container
from paramedic_core.world import EngineStatus, World

_NEAR = 0.9


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person must know before reading on."""

    text: str
    tone: str = "warn"
    action: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around it."""

    caller: Caller
    node: str
    engine: str
    uptime: str
    now: float
    at: float
    age: float
    stale: bool
    frozen: bool
    services: int
    enforced: int
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure of the host with its last hour."""

    name: str
    figure: str
    rest: str
    line: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One line of the table of services."""

    key: str
    name: str
    note: str
    tone: str
    running: int
    wanted: int
    line: str
    share: float | None
    memory: str
    restarts: int
    mode: str


def frame(hub: Hub, caller: Caller) -> Frame:
    """The frame of a page."""
    world, now = hub.feed.world, hub.clock.now()
    modes = hub.mirror.modes()
    boot = hub.history.fact("boot_time")
    at = world.at if world else 0.0
    return Frame(
        caller=caller,
        node=hub.node,
        engine=f"Docker {world.engine.version}" if world and world.engine.version else "",
        uptime=span(now - boot) if boot else "",
        now=now,
        at=at,
        age=max(0.0, now - at),
        stale=now - at > 75 or not hub.feed.ready().ready,
        frozen=bool(world and world.hands.frozen),
        services=len(modes),
        enforced=sum(m.get("mode") == "enforce" for m in modes.values()),
        notices=tuple(_notices(hub, world)),
    )


def vitals(hub: Hub) -> list[Vital]:
    """CPU, memory, disk and network, each with the last hour."""
    history = hub.history
    cores, cpu = history.fact("cpu_cores"), history.last("node:cpu")
    memory, memory_total = history.last("node:memory"), history.last("node:memory_total")
    disk, disk_total = history.last("node:disk"), history.last("node:disk_total")
    rx, tx, pressure = history.last("node:rx"), history.last("node:tx"), history.last("node:pressure")
    found = []
    if cpu is None or not cores:
        found.append(Vital("CPU", "–", "not heard yet"))
    else:
        unit = f"% of {cores:.0f} cores" if cores > 1 else "% of one core"
        found.append(
            _vital(hub, "CPU", f"{min(100.0, 100 * cpu / cores):.0f}", unit, "cpu", high=cores, least=cores / 2)
        )
    if memory is None or not memory_total:
        found.append(Vital("Memory", "–", "not heard yet"))
    else:
        used, unit = size(memory)
        whole, whole_unit = size(memory_total)
        tail = "" if pressure is None else " · no pressure" if pressure < 0.01 else f" · {100 * pressure:.0f} % stalled"
        own = "" if unit == whole_unit else f"{unit} "
        found.append(_vital(hub, "Memory", used, f"{own}of {whole} {whole_unit}{tail}", "memory", high=memory_total))
    if disk is None or not disk_total:
        found.append(Vital("Disk", "–", "not heard yet"))
    else:
        rest = f"% of {' '.join(size(disk_total))}"
        found.append(_vital(hub, "Disk", f"{100 * disk / disk_total:.0f}", rest, "disk", high=disk_total))
    if rx is None or tx is None:
        found.append(Vital("Network", "–", "not heard yet"))
    else:
        inward, unit = size(rx)
        out, out_unit = size(tx)
        out_text = out if out_unit == unit else f"{out} {out_unit}/s"
        found.append(_vital(hub, "Network", inward, f"{unit}/s in · {out_text} out", "rx"))
    return found


def service_row(hub: Hub, view: ServiceView, now: float) -> ServiceRow:
    """One service's line."""
    shape = view.shape
    limit, used = shape.memory_limit_bytes, shape.memory_used_bytes
    share = used / limit if limit and used is not None else None
    near = share is not None and share > _NEAR
    tone = "warn" if near and view.shown.tone == "ok" else view.shown.tone
    notes = [shape.project] if shape.project else []
    if view.shown.standing is not Standing.WELL:
        lasted = view.shown.standing in (Standing.UNHEALTHY, Standing.DOWN, Standing.UNSEEN) and view.shown.since
        notes.append(f"{view.shown.word} for {span(now - view.shown.since)}" if lasted else view.shown.word)
    elif near:
        notes.append("near its memory limit")
    return ServiceRow(
        key=shape.key,
        name=shape.name,
        note=" · ".join(notes).replace(f"{view.shown.word} for", _lasting(view.shown.word)),
        tone=tone,
        running=shape.running,
        wanted=shape.wanted,
        line=hub.history.drawn(f"{shape.key}:{shape.running}", lambda: _cpu_line(hub, view)),
        share=share,
        memory=" ".join(size(used)) if used is not None else "",
        restarts=shape.restarts,
        mode=shape.mode,
    )


def _cpu_line(hub: Hub, view: ServiceView) -> str:
    series = [hub.history.read(f"cpu:{c.id}", 120) for c in view.members if c.running]
    return spark(thin(total(series), 30)) if series else ""


def _lasting(word: str) -> str:
    """`exited with 1 4 min ago` reads badly; `exited with 1, for 4 min` does not."""
    return f"{word} for" if word == "unhealthy" else f"{word}, down for"


def overview(hub: Hub) -> dict[str, Any]:
    """The first page."""
    world, now = hub.feed.world, hub.clock.now()
    incidents, plan = hub.mirror.incidents(), hub.mirror.plan()
    summary = summarise(world, hub.feed.ready().reason, incidents, plan, now)
    return {
        "sentence": summary.sentence,
        "detail": summary.detail,
        "vitals": vitals(hub),
        "rise": [_rise(p, names_of(world)) for p in plan if p.get("decision") == "refuse" and p.get("allow")][:3],
        "containers": len(world.containers) if world else 0,
        "services": [service_row(hub, v, now) for v in service_views(hub, world)] if world else [],
        "incidents": incident_views(incidents, plan, names_of(world), 8),
    }


def services(hub: Hub) -> dict[str, Any]:
    """All services, with their modes."""
    world, now = hub.feed.world, hub.clock.now()
    rows = [service_row(hub, v, now) for v in service_views(hub, world)] if world else []
    return {"services": rows, "containers": len(world.containers) if world else 0}


def service(hub: Hub, world: World, view: ServiceView) -> dict[str, Any]:
    """One service."""
    now = hub.clock.now()
    plan = hub.mirror.plan()
    mine = [i for i in hub.mirror.incidents() if i.get("service") == view.shape.key]
    return {
        "key": view.shape.key,
        "name": view.shape.name,
        "project": view.shape.project,
        "tone": view.shown.tone,
        "word": view.shown.word,
        "running": view.shape.running,
        "wanted": view.shape.wanted,
        "mode": view.shape.mode,
        "mode_from": view.shape.mode_from,
        "allow": view.shape.allow,
        "warnings": [str(w) for w in hub.mirror.modes().get(view.shape.key, {}).get("warnings") or []],
        "members": [_member(hub, world, c, now) for c in view.members],
        "incidents": incident_views(mine, plan, names_of(world), 50),
    }


def healing(hub: Hub) -> dict[str, Any]:
    """The whole timeline."""
    world, now = hub.feed.world, hub.clock.now()
    incidents, plan = hub.mirror.incidents(), hub.mirror.plan()
    found: list[IncidentView] = incident_views(incidents, plan, names_of(world), 200)
    summary = summarise(world, "", incidents, plan, now)
    return {"incidents": found, "detail": summary.detail}


def names_of(world: World | None) -> Mapping[str, str]:
    """Each container's short name, by full id."""
    members = world.services().values() if world else ()
    return {c.id: short_name(c, len(group)) for group in members for c in group}


def _vital(
    hub: Hub, name: str, shown_figure: str, rest: str, series: str, high: float = 0.0, least: float = 0.0
) -> Vital:
    values = thin(hub.history.read(f"node:{series}"))
    if least:
        # An idle machine's chart is calm, and a busy one's is not cut off.
        high = min(high, max(least, 1.3 * max((v for v in values if v is not None), default=0.0)))
    line = spark(values, high=high)
    return Vital(name, shown_figure, rest, line, area(line, values))


def _rise(entry: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    doing = {"restart": "restarted", "start": "started", "stop": "stopped"}.get(str(entry.get("action")), "healed")
    target = str(entry.get("target", ""))
    text = f"would be {doing} now, but {entry.get('reason', '')}."
    return {
        "name": names.get(target, str(entry.get("name", ""))),
        "text": text,
        "anchor": anchor(entry),
        "leave": entry.get("gate") == "mode",
        "allow": str(entry.get("allow") or "").rstrip("."),
        "service": str(entry.get("service", "")),
    }


def anchor(entry: Mapping[str, Any]) -> str:
    """A plan entry's place on its page."""
    return f"{str(entry.get('target', ''))[:12]}-{entry.get('cause', '')}"


def _member(hub: Hub, world: World, c: Container, now: float) -> dict[str, Any]:
    how = shown(world, c)
    used = figure(hub, "memory", c)
    return {
        "name": c.name,
        "tone": how.tone,
        "word": how.word,
        "since": span(now - how.since) if how.since else "",
        "image": c.image,
        "memory": " ".join(size(used)) if used is not None else "",
        "restarts": c.restarts,
    }


def _notices(hub: Hub, world: World | None) -> list[Notice]:
    found = []
    runtime, healer, collector = hub.feed.ready(), hub.mirror.ready(), hub.history.ready()
    if world is not None and not runtime.ready:
        found.append(Notice(f"What stands here is old: {runtime.reason}", "bad"))
    if world is not None and runtime.ready:
        if world.engine.status is EngineStatus.AWAY:
            found.append(Notice(f"The engine is away: {world.engine.reason or 'it does not answer'}", "bad"))
        if world.hands.frozen:
            found.append(Notice("Everything is frozen: paramedic watches and touches nothing.", action="unfreeze"))
        elif not world.hands.ready:
            found.append(Notice(f"paramedic cannot act: {world.hands.reason}"))
    if not healer.ready:
        found.append(Notice(f"The healer is away, and nothing is healed meanwhile: {healer.reason}"))
    found += [
        Notice(f"Messages by {sender.channel.title} do not get through: {sender.error}")
        for sender in hub.messages.senders
        if sender.error
    ]
    if not collector.ready and number(hub.history.at):
        found.append(Notice(f"The figures are old: {collector.reason}"))
    damage = hub.damage()
    if damage:
        found.append(Notice(damage, "bad"))
    return found
