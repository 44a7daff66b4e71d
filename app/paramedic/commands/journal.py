"""`paramedic journal`: show every decision, act and outcome."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json
from paramedic.console.peers import Away, Peers
from paramedic.console.records import TITLES, record_row
from paramedic.console.table import render, show, terminal_width


@click.command("journal")
@data_option
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only records after this SEQ, oldest first.")
@click.option("--target", default="", help="Only this container, by name.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new records as they come, until interrupted.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="A table for people, or JSON for scripts (with --follow one record a line).",
)
def command(data: Path, limit: int, after: int, target: str, follow: bool, output: str) -> int:  # noqa: FBT001  click's way
    """Show what was seen, decided and done, oldest first: the last records, or those after a SEQ."""
    peers = Peers(data)
    newest = not after
    query = {"limit": limit, "target": target, "after": after or None, "newest": 1 if newest else None}
    records: list[dict[str, Any]] = peers.get("healer", "/journal", **query)["records"]
    if newest:
        records.reverse()
    if follow:
        _follow(peers, records, after, target, output)
    elif output == "json":
        echo_json(records)
    elif records:
        show(TITLES, [record_row(r, time.time()) for r in records], right=("SEQ",))
    else:
        click.echo("nothing has happened yet" if not (target or after) else "there is no such record", err=True)
    return exits.OK


def _follow(peers: Peers, records: list[dict[str, Any]], after: int, target: str, output: str) -> None:
    for record in records:
        _line(record, output)
    last = int(records[-1]["seq"]) if records else after
    for record in peers.stream("healer", f"/journal/stream?after={last}"):
        if "beat" not in record and (not target or record.get("name") == target):
            _line(record, output)
    raise Away("the healer ended the stream: it was stopped, or replaced; call this again to go on")


def _line(record: dict[str, Any], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(record))
        return
    seq, at, what, name, text = record_row(record, time.time())
    # Fixed columns: what comes later must line up with what is there.
    for line in render(
        (" " * 6, " " * 8, " " * 16, " " * 20, ""), [(seq, at, what, name, text)], width=terminal_width()
    )[1:]:
        click.echo(line)
