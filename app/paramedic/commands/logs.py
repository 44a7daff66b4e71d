"""`paramedic logs`: search containers' lines, follow them, and show those kept of an incident."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from paramedic.console import exits
from paramedic.console.arguments import When, data_option, echo_json, output_option
from paramedic.console.peers import Peers
from paramedic.console.table import Cell, tinted
from paramedic.console.words import clean, moment
from paramedic_core.codec import from_plain
from paramedic_core.config.mistakes import nearest
from paramedic_core.model import JSON_FILE
from paramedic_core.world import World

_TONES = {"warn": "warn", "error": "bad", "fatal": "bad", "debug": "faint", "trace": "faint"}
_MOST_TEXT = 20_000


def _which(function: Any) -> Any:
    for option in (
        click.option("--text", default="", help="Only lines with this in them, exactly as written."),
        click.option(
            "--level",
            type=click.Choice(("trace", "debug", "info", "warn", "error", "fatal")),
            default=None,
            help="Only lines that say that they are at least this grave.",
        ),
        click.option("--container", default="", help="Only this container, by name or id."),
        click.option("--service", default="", help="Only this service, its removed containers too."),
    ):
        function = option(function)
    return function


@click.group("logs")
def command() -> None:
    """Search containers' lines, follow them, and show those kept of an incident."""


@command.command("search")
@click.argument("target", required=False, default="")
@_which
@click.option("--from", "start", type=When(), default="", help="Not before this: so long ago, as 15m, or Unix seconds.")
@click.option("--to", "end", type=When(), default="", help="Before this, in the same words.")
@click.option("-n", "--limit", type=click.IntRange(1, 5000), default=100, show_default=True, help="At most so many.")
@click.option("--oldest", is_flag=True, help="The oldest of them, not the newest.")
@data_option
@output_option()
def search(
    target: str,
    service: str,
    container: str,
    level: str | None,
    text: str,
    start: str,
    end: str,
    limit: int,
    oldest: bool,  # noqa: FBT001  click's way
    data: Path,
    output: str,
) -> int:
    """Show lines, oldest first: of TARGET (a container's name or id, or a service), or of all."""
    peers = Peers(data)
    query = {"service": service, "container": container, **_target(peers, target, service or container)}
    query |= {"text": text, "level": level or "", "from": start, "to": end}
    answer = peers.get("logs", "/search", **query, limit=limit, direction="forward" if oldest else "backward")
    lines: list[dict[str, Any]] = answer["lines"] if oldest else answer["lines"][::-1]
    silent = _silent(peers, target or container or service, found=bool(lines))
    if output == "json":
        echo_json({**answer, "lines": lines})
        return exits.OK
    for line in lines:
        _show(line)
    if answer["partial"]:
        click.echo("the search was ended after 3 s: name a service, or a shorter time (--from)", err=True)
    elif answer["more"]:
        click.echo(f"there may be more: these are the {'oldest' if oldest else 'newest'} {limit} (-n)", err=True)
    elif not lines and not silent:
        click.echo("there is no such line", err=True)
    for why in silent:
        click.echo(why, err=True)
    return exits.OK


@command.command("tail")
@click.argument("target", required=False, default="")
@_which
@data_option
@output_option()
def tail(target: str, service: str, container: str, level: str | None, text: str, data: Path, output: str) -> int:
    """Show new lines as they come, until interrupted."""
    peers = Peers(data)
    query = {"service": service, "container": container, **_target(peers, target, service or container)}
    query |= {"text": text, "level": level or ""}
    wanted = urlencode({k: v for k, v in query.items() if v})
    for item in peers.stream("logs", f"/tail?{wanted}"):
        if "line" in item:
            click.echo(json.dumps(item["line"])) if output == "json" else _show(item["line"])
        elif "missed" in item:
            click.echo(f"{item['missed']} lines came too fast to be shown", err=True)
    return exits.OK


@command.command("evidence")
@click.argument("incident")
@data_option
@output_option()
def evidence(incident: str, data: Path, output: str) -> int:
    """Show the lines that were kept of INCIDENT (its id; see `paramedic explain`)."""
    found = Peers(data).get("logs", f"/evidence/{incident}")
    if output == "json":
        echo_json(found)
        return exits.OK
    for one in found["moments"]:
        what = clean(f"{one['kind'].replace('_', ' ')}: {one['name']}, {moment(one['at'], time.time())}")
        click.echo(tinted(f"── {what}", "warn"))
        for line in one["lines"]:
            _show(line)
        if not one["lines"]:
            click.echo("(no lines)")
    return exits.OK


def _target(peers: Peers, target: str, other: str) -> dict[str, str]:
    """TARGET is a service where there is one of that name, else a container."""
    if not target:
        return {}
    if other:
        raise click.UsageError("name either TARGET, or --service and --container")
    streams = peers.get("logs", "/streams")["streams"]
    services = {s["service"] for s in streams} | {s["service"].rpartition("/")[2] for s in streams}
    return {"service": target} if target in services else {"container": target}


def _silent(peers: Peers, name: str, *, found: bool) -> list[str]:
    """Why there may be no lines of what was named: whose log driver is another.

    Args:
        peers: the roles.
        name: a container's name or id, or a service; empty: all.
        found: whether there are lines, which there are of what is gone too.

    Raises:
        click.ClickException: nothing is called so.
    """
    answer, _ = peers.maybe("runtime", "/world") if name else (None, "")
    if answer is None:
        return []
    world = from_plain(World, answer["world"])
    one = world.find(name)
    members = [c for c in world.containers.values() if name in (c.service_key, c.service)] if one is None else [one]
    if not members and not found:
        _refuse_unknown(peers, world, name)
    return [
        f"the lines of {clean(c.name)} are not read: its log driver is {clean(c.unread_driver)}, and only {JSON_FILE} is read"
        f" (recreate it with `--log-driver {JSON_FILE}`)"
        for c in members[:20]
        if c.unread_driver
    ]


def _refuse_unknown(peers: Peers, world: World, name: str) -> None:
    streams = peers.get("logs", "/streams")["streams"]
    known = {n for s in streams for n in (s["container"], s["service"], s["service"].rpartition("/")[2])}
    if name in known or (len(name) >= 4 and any(s["id"].startswith(name) for s in streams)):
        return
    known |= {c.name for c in world.containers.values()} | world.services().keys()
    near = nearest(name, sorted(known))
    hint = f": did you mean {clean(near)!r}?" if near else " (`paramedic heal list` shows the services)"
    raise click.ClickException(f"there is no container or service {clean(name)!r}{hint}")


def _show(line: dict[str, Any]) -> None:
    at = moment(line["at"], time.time())
    name = clean(line["container"], 60) + (" (claimed)" if line.get("claimed") else "")
    if "gap" in line:
        gap = line["gap"]
        lost = f", {gap['bytes']} bytes" if "bytes" in gap else ""
        cell = Cell(f"-- lines are missing here{lost}: {gap['reason']} --", "warn")
    else:
        cell = Cell(line["text"], _TONES.get(line.get("level", ""), ""))
    click.echo(f"{tinted(at, 'faint')} {tinted(name, 'faint')}  {tinted(clean(cell.text, _MOST_TEXT), cell.tone)}")
