"""`paramedic doctor`: name what is missing on this host, and what mends it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.table import tinted
from paramedic.console.words import clean, counted
from paramedic.doctor.base import BAD, OK, WARN, Verdict, examine
from paramedic.doctor.gather import gather
from paramedic_core.errors import ConfigError
from paramedic_core.settings import Settings

_TONES = {OK: "good", WARN: "warn", BAD: "bad"}


@click.command("doctor")
@data_option
@click.option("-c", "--config", "files", multiple=True, type=click.Path(path_type=Path), help="A configuration file.")
@click.option("-q", "--quiet", is_flag=True, help="Only what is not well.")
@output_option()
def command(data: Path, files: tuple[Path, ...], quiet: bool, output: str) -> int:  # noqa: FBT001  click's way
    """Look for what is missing, and name the command that mends it. Nothing is changed.

    Exit status 0: all is well; 3: something should be looked at; 1: something does not work.
    """
    settings, wrong = _settings(files)
    found = [*wrong, *examine(gather(data, settings))]
    levels = {v.level for v in found}
    if output == "json":
        echo_json([asdict(verdict) for verdict in found])
    else:
        _print([v for v in found if v.level != OK or not quiet])
    return exits.FAILED if BAD in levels else exits.ATTENTION if WARN in levels else exits.OK


def _settings(files: tuple[Path, ...]) -> tuple[Settings, list[Verdict]]:
    """The configuration; a wrong one is the first thing to mend, and the rest is looked at with the defaults."""
    # Imported here: pydantic and yaml take longer to import than most commands take.
    from paramedic_core.config.load import default_files, load  # noqa: PLC0415

    named = files or tuple(default_files(os.environ))
    try:
        return load(named, os.environ).settings, []
    except ConfigError as error:
        first = str(error.mistakes[0]) if error.mistakes else str(error)
        more = f" (and {len(error.mistakes) - 1} more)" if len(error.mistakes) > 1 else ""
        mend = f"paramedic check config {' '.join(str(f) for f in named)}".rstrip()
        return Settings(), [Verdict(BAD, f"{first}{more}", mend, "configuration")]


def _print(found: list[Verdict]) -> None:
    width = max((len(v.name) for v in found), default=0)
    for verdict in found:
        level = tinted(f"{verdict.level:<4}", _TONES[verdict.level])
        click.echo(f"{level}  {verdict.name:<{width}}  {clean(verdict.what)}")
        if verdict.mend and verdict.level != OK:
            click.echo(f"      {'':<{width}}  mend: {clean(verdict.mend)}")
    bad, warn = (sum(v.level == level for v in found) for level in (BAD, WARN))
    if bad or warn:
        click.echo(f"\n{counted(bad, 'thing')} broken, {counted(warn, 'thing')} to look at", err=True)
    else:
        click.echo("\nall is well", err=True)
