"""`paramedic status`: show node, engine, roles, containers and healing."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Away, Peers
from paramedic.console.processes import RoleState, role_states
from paramedic.console.table import Cell, show, tinted
from paramedic.console.words import amount, clean, counted, span
from paramedic_core.errors import ParamedicError
from paramedic_core.world import World

_TONES = {"ready": "good", "not ready": "warn", "silent": "bad", "away": "bad"}


@click.command("status")
@data_option
@click.option("--sample", type=click.FloatRange(0, 60), default=0.0, help="Measure CPU over so many seconds.")
@output_option()
def command(data: Path, sample: float, output: str) -> int:
    """Show this host at a glance: engine, roles and what each costs, containers, healing.

    Exit status 0: all is well; 3: something needs attention; 4: nothing runs.
    """
    peers = Peers(data)
    roles = role_states(peers, sample)
    world, why = _world(peers)
    healing = _healing(peers, world)
    if output == "json":
        echo_json(_document(data, roles, world, healing))
    else:
        _print(data, roles, world, why, healing)
    if all(r.state == "away" for r in roles):
        return exits.AWAY
    well = all(r.state == "ready" for r in roles) and world is not None and world.engine.connected and world.hands.ready
    return exits.OK if well and not healing.get("open") else exits.ATTENTION


def _world(peers: Peers) -> tuple[World | None, str]:
    try:
        return peers.world(), ""
    except Away as error:
        return None, error.message
    except ParamedicError as error:
        return None, f"runtime answers with an error: {error}"


def _healing(peers: Peers, world: World | None) -> dict[str, Any]:
    answers = []
    for path, query in (("/modes", {}), ("/incidents", {"open": 1, "limit": 1000}), ("/plan", {})):
        answer, why = peers.maybe("healer", path, **query)
        if answer is None:
            return {"away": why}
        answers.append(answer)
    modes, incidents, plan = answers[0], answers[1]["incidents"], answers[2]["plan"]
    return {
        "modes": dict(Counter(service["mode"] for service in modes["services"].values())),
        "restraint": modes.get("restraint", ""),
        "open": len(incidents),
        # As the hub counts: targets that wait for somebody to change something.
        "would_heal": len({row.get("target") for row in plan if row.get("decision") == "refuse" and row.get("allow")}),
        "frozen": bool(world and world.hands.frozen),
    }


def _document(data: Path, roles: list[RoleState], world: World | None, healing: dict[str, Any]) -> dict[str, Any]:
    return {
        "node": socket.gethostname(),
        "host": world.host if world else "",
        "data": str(data),
        "engine": asdict(world.engine) if world else None,
        "hands": asdict(world.hands) if world else None,
        "at": world.at if world else None,
        "roles": [asdict(role) for role in roles],
        "containers": _counts(world) if world else None,
        "healing": healing,
    }


def _counts(world: World) -> dict[str, dict[str, int]]:
    every = world.containers.values()
    return {
        "states": dict(Counter(str(c.state) for c in every)),
        "health": dict(Counter(str(c.health) for c in every if c.running)),
    }


def _print(data: Path, roles: list[RoleState], world: World | None, why: str, healing: dict[str, Any]) -> None:
    host = f", host {world.host}" if world else ""
    _line("node", f"{socket.gethostname()}{host}, data {data}")
    _line("engine", *_engine(world, why))
    if world is not None:
        _line("containers", _containers(world))
        if not world.hands.ready:
            _line("hands", f"no act is possible: {world.hands.reason}", "bad")
        if not world.hands.separated:
            _line("rights", "not started as root: the roles share one uid, nothing separates them", "warn")
    _line("healing", *_healing_line(healing))
    click.echo()
    show(
        ("ROLE", "STATE", "PID", "UP", "RESTARTS", "CPU", "MEMORY", "WHY"),
        [_row(role) for role in roles],
        right=("PID", "UP", "RESTARTS", "CPU", "MEMORY"),
    )
    if any(r.pid for r in roles):
        total = sum(r.pss or r.rss for r in roles)
        click.echo(f"\nall roles: {sum(r.cpu for r in roles):.1%} of a core, {amount(total)}")


def _line(name: str, text: str, tone: str = "") -> None:
    click.echo(f"{name:<12}{tinted(clean(text), tone)}")


def _engine(world: World | None, why: str) -> tuple[str, str]:
    if world is None:
        return why, "bad"
    engine = world.engine
    if not engine.connected:
        return f"{engine.status} for {span(time.time() - engine.since)}: {engine.reason}", "bad"
    swarm = ", in a Swarm" if engine.swarm else ""
    rootless = ", rootless" if engine.rootless else ""
    heard = f", last confirmed {span(time.time() - world.at)} ago"
    cgroup = f"cgroup v{engine.cgroup_version} ({engine.cgroup_driver})"
    text = f"{engine.version} (API {engine.api_version}) at {engine.address}, {cgroup}{rootless}{swarm}{heard}"
    return text, ""


def _containers(world: World) -> str:
    counts = _counts(world)
    health = ", ".join(f"{n} {word}" for word, n in sorted(counts["health"].items()) if word != "none")
    parts = [f"{n} {word}" for word, n in sorted(counts["states"].items())]
    total = counted(len(world.containers), "container")
    return f"{total}: {', '.join(parts)}{f' ({health})' if health else ''}" if parts else total


def _healing_line(healing: dict[str, Any]) -> tuple[str, str]:
    if "away" in healing:
        return healing["away"], "bad"
    modes = ", ".join(f"{n} {mode}" for mode, n in sorted(healing["modes"].items())) or "no service yet"
    parts = [modes, counted(healing["open"], "open incident")]
    if healing["would_heal"]:
        parts.append(f"{healing['would_heal']} held (`paramedic plan` says by what)")
    if healing["frozen"]:
        parts.insert(0, "FROZEN (`paramedic freeze --off` ends it)")
    if healing["restraint"]:
        parts.append(f"the hub restrains all to {healing['restraint']}")
    return "; ".join(parts), "warn" if healing["open"] or healing["frozen"] else ""


def _row(role: RoleState) -> list[Cell | str]:
    if not role.pid:
        return [role.role, Cell(role.state, _TONES[role.state]), "–", "–", str(role.restarts), "–", "–", role.reason]
    memory = amount(role.pss) if role.pss else f"{amount(role.rss)} RSS"
    state = Cell(role.state, _TONES[role.state])
    restarts = Cell(str(role.restarts), "warn" if role.restarts else "")
    return [role.role, state, str(role.pid), span(role.up), restarts, f"{role.cpu:.1%}", memory, role.reason]
