"""`paramedic heal`: say which services may be healed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option, token_option
from paramedic.console.named import unknown
from paramedic.console.peers import NoRights, Peers
from paramedic.console.table import Cell, show
from paramedic.console.words import clean
from paramedic_core.codec import from_plain
from paramedic_core.errors import NotFound, Refused
from paramedic_core.world import World

_HEARD = 1.0
"""Seconds within which the healer has heard of a grant."""
_TONES = {"enforce": "good", "approve": "warn", "observe": "", "off": "faint"}


@click.group("heal")
def command() -> None:
    """Say which services may be healed, and see which are.

    A service is PROJECT/SERVICE, or a plain container's name. What the configuration file says in healer.services counts
    before what is said here.
    """


@command.command("list")
@data_option
@output_option()
def list_services(data: Path, output: str) -> int:
    """Show each service's mode, and who said so."""
    peers = Peers(data)
    answer = peers.get("healer", "/modes")
    services: dict[str, dict[str, Any]] = answer["services"]
    if output == "json":
        echo_json(services)
        return exits.OK
    rows = []
    for key, service in services.items():
        mode = str(service.get("mode", ""))
        notes = "; ".join([str(service.get("from", "")), *(f"warning: {w}" for w in service.get("warnings", ()))])
        rows.append((key, Cell(mode, _TONES.get(mode, "")), notes))
    if rows:
        show(("SERVICE", "MODE", "WHO SAYS SO"), rows)
    else:
        click.echo("there is no service on this host", err=True)
    for name, hint in _unknown(peers, answer.get("named", ())):
        click.echo(
            f"finding: healer.services speaks of {clean(name)}, which is not on this host{clean(hint)}", err=True
        )
    return exits.OK


def _unknown(peers: Peers, named: list[str]) -> list[tuple[str, str]]:
    """Those that nobody on this host is called; none while nobody can say."""
    answer, _ = peers.maybe("runtime", "/world") if named else (None, "")
    world = from_plain(World, answer["world"]) if answer else None
    return list(unknown(world, named)) if world is not None and world.engine.connected else []


def _grant(name: str, mode: str, text: str) -> None:
    @command.command(name, help=text)
    @click.argument("service")
    @data_option
    @token_option
    @output_option()
    def grant(service: str, data: Path, token: str, output: str) -> int:
        return _give(Peers(data), service, mode, token, output)


_grant("enable", "enforce", "Let SERVICE be healed, under the guards.")
_grant("observe", "observe", "Record what would be done to SERVICE, and touch nothing.")
_grant("disable", "off", "Leave SERVICE alone: no decisions about it, and no acts.")
_grant("reset", "default", "Take back what was said here: label and configuration decide again.")


def _give(peers: Peers, service: str, mode: str, token: str, output: str) -> int:
    try:
        given = peers.post("runtime", "/grants", {"service": service, "mode": mode}, token)
    except Refused as error:
        raise NoRights(f"{error} (as root: `sudo paramedic heal …`, else with --token or PARAMEDIC_TOKEN)") from error
    except NotFound as error:
        raise click.ClickException(f"{error} (`paramedic heal list` shows all)") from error
    key = str(given.get("service") or service)
    effective = _effective(peers, key, mode)
    if output == "json":
        echo_json({"service": key, "granted": mode, "effective": effective})
        return exits.OK
    if mode == "default":
        click.echo(f"{clean(key)}: what was granted is taken back")
    else:
        click.echo(f"{clean(key)}: granted {mode}")
    wanted = effective.get("mode") if effective else None
    if wanted is not None and mode not in ("default", wanted):
        click.echo(f"but it stays {clean(wanted)}: {clean(effective.get('from', ''))}", err=True)
        return exits.ATTENTION
    return exits.OK


def _effective(peers: Peers, key: str, wanted: str) -> dict[str, Any]:
    """The mode that the healer goes by; it hears of a grant a moment after runtime has written it."""
    deadline = time.monotonic() + _HEARD
    while True:
        answer, _ = peers.maybe("healer", "/modes")
        found = (answer or {}).get("services", {}).get(key)
        effective = found if isinstance(found, dict) else {}
        if not effective or wanted in ("default", effective.get("mode")) or time.monotonic() >= deadline:
            return effective
        time.sleep(0.05)
