"""`paramedic plan`: show what would be healed now, what holds it, and what would allow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Peers
from paramedic.console.table import Cell, show
from paramedic.console.words import clean

TONES = {"do": "good", "wait": "warn", "refuse": "bad"}


@click.command("plan")
@data_option
@output_option()
def command(data: Path, output: str) -> int:
    """Show what would be healed now. Nothing is touched.

    For each fault: what would be done, the gate that holds it, and the one change that would allow it.
    """
    answer = Peers(data).get("healer", "/plan")
    rows: list[dict[str, Any]] = answer["plan"]
    note = clean(str(answer.get("note") or ""))
    if output == "json":
        echo_json(rows)
    elif rows:
        _print(rows)
    elif not note:
        click.echo("nothing is wrong, so there is nothing to heal")
    if note:
        click.echo(f"finding: {note}", err=True)
    return exits.ATTENTION if note else exits.OK


def _print(rows: list[dict[str, Any]]) -> None:
    cells = [
        (
            str(row.get("name", "")),
            str(row.get("cause", "")),
            str(row.get("action") or "–"),
            Cell(str(row.get("decision", "")), TONES.get(str(row.get("decision")), "")),
            str(row.get("gate") or "–"),
            str(row.get("reason", "")),
        )
        for row in rows
    ]
    show(("CONTAINER", "CAUSE", "WOULD", "DECISION", "GATE", "WHY"), cells)
    changes: dict[str, list[str]] = {}
    for row in rows:
        if row.get("allow"):
            changes.setdefault(str(row["allow"]), []).append(str(row.get("name", "")))
    if changes:
        click.echo("\nTo allow it:")
        for change, names in changes.items():
            click.echo(f"  {clean(', '.join(names))}: {clean(change)}")
