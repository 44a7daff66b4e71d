"""`paramedic explain`: tell one container's story: what is known, what would be done, and what holds it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from paramedic.commands.plan import TONES
from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Peers
from paramedic.console.records import TITLES, record_row
from paramedic.console.table import show, tinted
from paramedic.console.words import ago, clean, counted, span
from paramedic_core.codec import to_plain
from paramedic_core.config.mistakes import nearest
from paramedic_core.leave import LABEL
from paramedic_core.model import Container, EndedBy, State
from paramedic_core.world import World

_ENDED = {
    EndedBy.NOBODY: "by itself",
    EndedBy.US: "by paramedic",
    EndedBy.SOMEONE: "by a person or another program, which is respected",
    EndedBy.UNKNOWN: "unseen by anybody, so it is held",
}


@click.command("explain")
@click.argument("target")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 200), default=15, show_default=True, help="At most so many records."
)
@data_option
@output_option()
def command(target: str, limit: int, data: Path, output: str) -> int:
    """Tell the story of TARGET (a container's name or id, or a service).

    What is known of it, in which mode it is and who said so, what would be done now, which gate holds it and the one
    change that would allow it, and what was decided and done lately.
    """
    peers = Peers(data)
    world = peers.world()
    found = _find(world, target)
    stories = [_story(peers, world, container, limit) for container in found]
    if output == "json":
        echo_json(stories)
        return exits.OK
    for number, story in enumerate(stories):
        if number:
            click.echo()
        _tell(world, found[number], story)
    return exits.OK


def _find(world: World, target: str) -> list[Container]:
    """A container, or all of a service."""
    one = world.find(target)
    if one is not None:
        return [one]
    services = world.services()
    found = [c for key, members in services.items() for c in members if target in (key, c.service)]
    if found:
        return found[:20]
    near = nearest(target, [*(c.name for c in world.containers.values()), *services])
    hint = f": did you mean {clean(near)!r}?" if near else " (`paramedic heal list` shows the services)"
    raise click.ClickException(f"there is no container or service {clean(target)!r}{hint}")


def _story(peers: Peers, world: World, container: Container, limit: int) -> dict[str, Any]:
    name = container.name
    modes, away = peers.maybe("healer", "/modes")
    plan, _ = peers.maybe("healer", "/plan")
    incidents, _ = peers.maybe("healer", "/incidents", limit=1000)
    journal, _ = peers.maybe("healer", "/journal", target=name, newest=1, limit=limit)
    return {
        "container": to_plain(container),
        "engine": to_plain(world.engine),
        "service": container.service_key,
        "mode": ((modes or {}).get("services") or {}).get(container.service_key),
        "plan": [row for row in (plan or {}).get("plan", ()) if row.get("target") == container.id],
        "incidents": [i for i in (incidents or {}).get("incidents", ()) if i.get("name") == name][:5],
        "records": list(reversed((journal or {}).get("records", ()))),
        "healer_away": away,
    }


def _tell(world: World, container: Container, story: dict[str, Any]) -> None:
    now = time.time()
    click.echo(tinted(clean(container.name), "") + f"  {container.short_id}  {clean(container.image)}")
    for line in _known(world, container, now):
        click.echo(f"  {line}")
    for line in _mode(story, own=container.is_self):
        click.echo(f"  {line}")
    for row in story["plan"]:
        _decision(row)
    if not story["plan"] and not story["healer_away"]:
        click.echo(f"  Now:     {'nothing is wrong with it' if container.well else 'no trigger speaks of it'}")
    for incident in story["incidents"]:
        opened = ago(float(incident.get("opened_at") or 0), now)
        state, tries = clean(incident.get("state", "")), counted(int(incident.get("tries") or 0), "try", "tries")
        click.echo(
            f"  Incident {clean(incident.get('id'))}: {clean(incident.get('title')).rstrip('.')};"
            f" {state}, {tries}, opened {opened}"
        )
    if story["records"]:
        click.echo("\nLately:")
        show(TITLES, [record_row(r, now) for r in story["records"]], right=("SEQ",))


def _known(world: World, container: Container, now: float) -> list[str]:
    lines = [f"Service: {clean(container.service_key)}", f"State:   {_state(container, now)}"]
    check = container.health_check
    if check is None:
        lines.append("Health:  no health check: only its end can be noticed, not that it hangs")
    elif container.running:
        since = f" for {span(now - container.health_since)}" if container.health_since else ""
        streak = f", {counted(container.failing_streak, 'failed check')} in a row" if container.failing_streak else ""
        lines.append(
            f"Health:  {container.health}{since}{streak} (every {span(check.interval)}, {check.retries} retries)"
        )
    policy = f"engine's restart policy {clean(container.restart_policy)}"
    lines.append(f"Restart: {policy}, {counted(container.restarts, 'restart')} by it")
    if not world.engine.connected:
        lines.append(f"Engine:  {world.engine.status}: {clean(world.engine.reason)}; this is what was last known")
    if container.is_self:
        lines.append("This is paramedic itself: it never acts on it.")
    if container.auto_remove:
        lines.append("Removed: the engine removes it when it stops (--rm), so paramedic never acts on it")
    lines += [f"Shared:  {clean(other.name)} lives in its network" for other in world.dependents(container)]
    acting = world.acting.get(container.id)
    if acting:
        lines.append(f"Acting:  {clean(acting.verb)} is under way since {span(now - acting.since)}")
    return lines


def _state(container: Container, now: float) -> str:
    if container.running:
        return f"running for {span(now - container.started_at)}" if container.started_at else "running"
    text = str(container.state)
    if container.state is State.PAUSED:
        # What the engine tells besides is of the run before this one, which is not over.
        return text
    if container.finished_at:
        text += f" {ago(container.finished_at, now)} with status {container.exit_code}"
    if container.oom_killed:
        text += ", out of memory"
    if container.ending is not None:
        sent = f" ({clean(container.ending.signal)})" if container.ending.signal else ""
        text += f", ended {_ENDED[container.ending.by]}{sent}"
    if container.error:
        text += f"; the engine says: {clean(container.error)}"
    return text


def _mode(story: dict[str, Any], *, own: bool) -> list[str]:
    if story["healer_away"]:
        return [f"Mode:    not known: {clean(story['healer_away'])}"]
    mode = story["mode"]
    if not mode:
        return [f"Mode:    the healer does not know this service yet (label {LABEL}, or `paramedic heal enable`)"]
    lines = [f"Mode:    {clean(mode.get('mode'))}: {clean(mode.get('from'))}"]
    if mode.get("allow") and not own:
        lines.append(f"Allow:   {clean(mode['allow'])}")
    return lines + [f"Warning: {clean(w)}" for w in mode.get("warnings", ())]


def _decision(row: dict[str, Any]) -> None:
    decision = str(row.get("decision"))
    would = clean(row.get("action") or "nothing")
    gate = f" at the gate {clean(row['gate'])}" if row.get("gate") else ""
    click.echo(f"  Now:     {clean(row.get('cause'))}: {clean(row.get('text', ''))}".rstrip(": "))
    click.echo(
        f"  Would:   {would}: {tinted(clean(decision), TONES.get(decision, ''))}{gate}: {clean(row.get('reason'))}"
    )
    if row.get("allow"):
        click.echo(f"  Allow:   {clean(row['allow'])}")
