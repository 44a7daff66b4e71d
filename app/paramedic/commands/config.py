"""`paramedic config`: show the configuration, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import echo_json, output_option
from paramedic.console.table import Cell, show
from paramedic.console.words import clean


@click.group("config")
def command() -> None:
    """Show the configuration, and where each value comes from."""


@command.command("show")
@click.option("--effective", is_flag=True, help="Every setting, also those that have their default.")
@click.option("-c", "--config", "files", multiple=True, type=click.Path(path_type=Path), help="A configuration file.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting, over files and environment.")
@click.option("--data", type=click.Path(file_okay=False, resolve_path=True), help="The data directory.")
@output_option("table", "json", "yaml")
def show_command(effective: bool, files: tuple[Path, ...], sets: tuple[str, ...], data: str | None, output: str) -> int:  # noqa: FBT001  click's way
    """Show what `paramedic run` would use with the same options, with the origin of each value. Secrets stay hidden."""
    # Imported here: pydantic and yaml take longer to import than most commands take.
    from paramedic_core.config.load import default_files, load  # noqa: PLC0415
    from paramedic_core.config.shown import shown  # noqa: PLC0415

    loaded = load(files or default_files(os.environ), os.environ, sets, {"data": data} if data else {})
    rows = [row for row in shown(loaded) if effective or row.origin != "default"]
    for warning in loaded.warnings:
        click.echo(f"finding: {clean(warning, 2000)}", err=True)
    if output == "json":
        echo_json({row.dotted: {"value": row.value, "origin": row.origin} for row in rows})
    elif output == "yaml":
        click.echo(_yaml(rows), nl=False)
    elif rows:
        tones = {"default": "faint"}
        show(
            # The value last, where the terminal's width counts: a regular expression may have 300 letters.
            ("SETTING", "FROM", "VALUE"),
            [(r.dotted, Cell(r.origin, tones.get(r.origin, "")), _text(r.value)) for r in rows],
        )
    else:
        click.echo("every setting has its default (`--effective` shows them)", err=True)
    return exits.OK


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(v) for v in value) or "none"
    if isinstance(value, dict) and value:
        return f"({' '.join(f'{k}={_text(v)}' for k, v in value.items())})"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value not in ("", {}) else "–"


def _yaml(rows: list[Any]) -> str:
    """A file that gives the same settings, each with its origin behind it."""
    import yaml  # noqa: PLC0415  only this form needs it

    tree: dict[str, Any] = {}
    for row in rows:
        section = tree
        for part in row.path[:-1]:
            section = section.setdefault(part, {})
        section[row.path[-1]] = row.value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True) if tree else "{}\n"
