"""`paramedic dns`: show the names that are answered, and why an asker gets what it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Peers
from paramedic.console.table import Cell, show, tinted
from paramedic.console.words import clean, counted, span

_OF_PEOPLE = ("service", "one", "host")
_STALE = 60.0


@click.group("dns")
def command() -> None:
    """Show the names that are answered, and why an asker gets what it gets."""


@command.command("records")
@click.argument("part", default="", metavar="[PART]")
@click.option("--all", "every", is_flag=True, help="Also prefixes, ports and second spellings.")
@data_option
@output_option()
def records(part: str, every: bool, data: Path, output: str) -> int:  # noqa: FBT001  click passes flags so
    """Show every name, or those that contain PART, with its members and why one is out of service.

    Exits with 3 when an address that should be answered on cannot be opened, or two services come to one name.
    """
    answer: dict[str, Any] = Peers(data).get("dns", "/records")
    if output == "json":
        echo_json(answer)
    else:
        _print_records(answer, part.lower(), every=every)
    return exits.ATTENTION if answer["shut"] or answer["conflicts"] else exits.OK


@command.command("query")
@click.argument("name")
@click.option("--type", "kind", default="A", show_default=True, help="A, AAAA, SRV, PTR, TXT, …")
@click.option("--from", "source", default="127.0.0.1", show_default=True, metavar="ADDRESS|CONTAINER", help="Who asks.")
@data_option
@output_option()
def query(name: str, kind: str, source: str, data: Path, output: str) -> int:
    """Show what an asker would get for NAME, and why. Exits with 1 when it would get nothing."""
    fields = {"name": name, "type": kind.upper(), "from": source}
    answer: dict[str, Any] = Peers(data).get("dns", "/resolve", **fields)
    if output == "json":
        echo_json(answer)
    else:
        _print_query(answer)
    return exits.OK if answer.get("records") or answer["by"] == "forward" else exits.FAILED


def _print_records(answer: dict[str, Any], part: str, *, every: bool) -> None:
    rows = [r for r in answer["records"] if part in r["name"] and (every or _of_people(r))]
    show(("NAME", "OF", "MEMBERS"), [(r["name"], r["of"], _members(r)) for r in rows])
    click.echo(
        f"\n{counted(len(rows), 'name')} of {len(answer['records'])}; asked for at {', '.join(answer['listen'])}"
    )
    for address, why in answer["shut"].items():
        click.echo(tinted(f"not answering on {clean(address)}: {clean(why)}", "bad"))
    for one in answer["conflicts"][:20]:
        text = f"{one['name']} belongs to {one['kept']}, so {one['lost']} does not have it"
        click.echo(tinted(clean(text), "warn"))
    if answer["from_disk"] or answer["age"] > _STALE:
        click.echo(tinted(f"what is known of containers is {span(answer['age'])} old", "warn"))


def _of_people(row: dict[str, Any]) -> bool:
    """Without prefixes, ports, short ids and second spellings, which are implied by the others."""
    name = str(row["name"])
    first = name.partition(".")[0]
    own = {m["container"] for m in row["members"]}
    return row["rule"] in _OF_PEOPLE and "_" not in name and first not in ("headless", "tasks", "ns") and not (
        ".ct." in name and len(own) == 1 and len(first) == 12 and all(c in "0123456789abcdef" for c in first)
    )  # fmt: skip


def _members(row: dict[str, Any]) -> Cell:
    if row["rule"] == "host":
        return Cell("the host, by the address at which it is asked", "faint")
    parts = [_member(m) for m in row["members"]]
    well = sum(m["in_service"] for m in row["members"])
    return Cell(", ".join(parts), "good" if well == len(parts) else "warn" if well else "bad")


def _member(member: dict[str, Any]) -> str:
    where = "/".join(member["addresses"].values()) or "no address"
    return f"{member['container']} {where}" + (f" ({member['why']})" if member["why"] else "")


def _print_query(answer: dict[str, Any]) -> None:
    asker = answer["asker"]
    who = f"container {asker['container']}" if asker["container"] else str(asker["kind"])
    on = f" on {', '.join(asker['networks'])}" if asker["networks"] else ""
    click.echo(clean(f"asker: {who} ({asker['address']}){on}"))
    click.echo(clean(f"answer: {answer['rcode'] or 'another server gives it'}, by {answer['by']}"))
    for record in answer.get("records", ()):
        click.echo(clean(f"  {record['name']} {record['ttl']} IN {record['type']} {record['value']}"))
    if answer["why"]:
        click.echo(f"why: {clean(answer['why'])}")
    members = answer.get("members", ())
    if members:
        click.echo("")
        show(("CONTAINER", "GIVEN", "WHY NOT"), [_given(m) for m in members])


def _given(member: dict[str, Any]) -> tuple[Cell | str, Cell | str, Cell | str]:
    given = ", ".join(member["given"])
    return member["container"], Cell(given or "–", "good" if given else "faint"), member["why"]
