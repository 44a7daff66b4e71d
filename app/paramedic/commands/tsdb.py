"""`paramedic tsdb`: look after the stored metrics: check them, repair them, write them out."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.console import exits
from paramedic.console.arguments import When, data_option, echo_json, output_option
from paramedic.console.stored import readable
from paramedic.console.table import Cell, show, tinted
from paramedic.console.words import amount, clean, counted, moment
from paramedic_core.errors import StoreUnavailable

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.check import Damage, Report

# NumPy takes longer to import than most commands take: what needs it is imported in the commands below.


@click.group("tsdb")
def command() -> None:
    """Look after the stored metrics, without asking the hub: all of it works on the files themselves."""


@command.command("check")
@data_option
@output_option()
def check(data: Path, output: str) -> int:
    """Read everything that is stored, and name what is damaged. Nothing is changed; a running hub may go on.

    Exit status 0: all can be read; 1: something is damaged; 3: only things that were set aside before.
    """
    from paramedic_metrics.tsdb.check import check as checked  # noqa: PLC0415

    with readable(data / "metrics") as folder:
        report = checked(folder)
    if output == "json":
        echo_json({**asdict(report), "folder": str(folder)})
    else:
        _print(report)
    return exits.FAILED if report.damage else exits.ATTENTION if report.notes else exits.OK


@command.command("repair")
@data_option
@output_option()
def repair(data: Path, output: str) -> int:
    """Set aside what is damaged, in DATA/metrics/damaged, and keep everything else. The hub must not be running.

    Nothing is deleted. Called again it does nothing.
    """
    from paramedic_metrics.tsdb.repair import repair as repaired  # noqa: PLC0415

    with readable(data / "metrics") as folder:
        try:
            done = repaired(folder)
        except StoreUnavailable as error:
            # Trying again is no help while it runs.
            raise click.ClickException(str(error)) from error
    if output == "json":
        echo_json(done)
        return exits.OK
    for sentence in done:
        click.echo(clean(sentence))
    click.echo("the rest is as it was" if done else "nothing is damaged", err=True)
    return exits.OK


@command.command("dump")
@click.argument("selectors", nargs=-1)
@data_option
@click.option("--from", "start", type=When(), default="", help="Not before this: so long ago, as 6h, or Unix seconds.")
@click.option("--to", "end", type=When(), default="", help="Not after this, in the same words.")
def dump(selectors: tuple[str, ...], data: Path, start: str, end: str) -> int:
    """Write samples as text: OpenMetrics with timestamps, of the series that any of SELECTORS matches, or of all.

    \b
    paramedic tsdb dump '{job="node"}' --from 6h > samples
    promtool tsdb create-blocks-from openmetrics samples FOLDER

    Nothing is changed; a running hub may go on. Stale markers are left out, for the format has none.
    Exit status 3: something was damaged, and is missing (`paramedic tsdb check` names it).
    """  # noqa: D301  click wants the character itself
    from paramedic_metrics.promql.parser import parse_selector  # noqa: PLC0415
    from paramedic_metrics.tsdb.dump import dump as dumped  # noqa: PLC0415
    from paramedic_metrics.tsdb.view import View  # noqa: PLC0415

    wanted = [parse_selector(text) for text in selectors]
    with readable(data / "metrics") as folder:
        view = View(folder)
        since = math.ceil(float(start) * 1000) - 1 if start else -(1 << 62)
        sys.stdout.writelines(dumped(view, wanted, since, int(float(end) * 1000) if end else 1 << 62))
    if view.damaged:
        click.echo("something is damaged, and missing here: `paramedic tsdb check` names it", err=True)
        return exits.ATTENTION
    return exits.OK


def _print(report: Report) -> None:
    now = time.time()
    if report.damage:
        titles = ("FILE", "WHAT", "FROM BYTE", "BYTES", "SERIES", "SAMPLES", "FROM", "UNTIL", "WHY")
        show(titles, [_row(d, now) for d in report.damage], right=("FROM BYTE", "BYTES", "SERIES", "SAMPLES"))
        click.echo()
    for note in report.notes:
        click.echo(f"{tinted('finding: ', 'warn')}{clean(note)}")
    by = f", which process {clean(report.open_by)} has open" if report.open_by else ""
    click.echo(
        f"read {counted(report.samples, 'sealed sample')} of {counted(report.series, 'series', 'series')} in "
        f"{counted(report.blocks, 'block')} of {counted(report.parts, 'part')}, and "
        f"{counted(report.records, 'record')} of the log: {amount(report.bytes)} of {report.folder}{by}",
        err=True,
    )
    if report.damage:
        click.echo(f"{counted(len(report.damage), 'damage')}: `paramedic tsdb repair` sets it aside", err=True)
    else:
        click.echo("all of it can be read", err=True)


def _row(damage: Damage, now: float) -> tuple[Cell | str, ...]:
    return (
        damage.file,
        damage.what,
        str(damage.offset),
        str(damage.length),
        "?" if damage.series is None else str(damage.series),
        "?" if damage.samples is None else str(damage.samples),
        "?" if damage.start is None else moment(damage.start / 1000, now),
        "?" if damage.end is None else moment(damage.end / 1000, now),
        Cell(damage.why, "bad"),
    )
