"""`paramedic check`: check files before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import echo_json, output_option
from paramedic.console.table import tinted
from paramedic.console.words import clean, counted


@click.group("check")
def command() -> None:
    """Check files before they are used: exit status 0 good, 1 invalid, 3 only findings."""


@command.command("config")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option()
def config(files: tuple[Path, ...], output: str) -> int:
    """Check configuration files, each on its own and then all together.

    Every mistake is listed with its line, what would be right, and the nearest spelling. Findings are settings that are
    allowed and probably not meant.
    """
    reports = [_report([path], str(path)) for path in files]
    if len(files) > 1 and not any(r["mistakes"] for r in reports):
        reports.append(_report(list(files), "together", known={str(f) for r in reports for f in r["findings"]}))
    if output == "json":
        echo_json(
            [
                {**r, "mistakes": [str(m) for m in r["mistakes"]], "findings": [str(f) for f in r["findings"]]}
                for r in reports
            ]
        )
    else:
        for report in reports:
            _print(report)
    if any(r["mistakes"] for r in reports):
        return exits.FAILED
    return exits.ATTENTION if any(r["findings"] for r in reports) else exits.OK


def _report(files: list[Path], name: str, known: set[str] | None = None) -> dict[str, Any]:
    # Imported here: pydantic and yaml take longer to import than most commands take.
    from paramedic.wiring import check_named  # noqa: PLC0415
    from paramedic_core.config.load import load  # noqa: PLC0415
    from paramedic_core.errors import ConfigError  # noqa: PLC0415

    try:
        loaded = load(files)
        check_named(loaded.settings)
    except ConfigError as error:
        return {"file": name, "ok": False, "settings": 0, "mistakes": list(error.mistakes), "findings": []}
    count = sum(origin != "default" for origin in loaded.origins.values())
    findings = [w for w in loaded.warnings if str(w) not in (known or ())]
    return {"file": name, "ok": True, "settings": count, "mistakes": [], "findings": findings}


def _print(report: dict[str, Any]) -> None:
    name, mistakes, findings = report["file"], report["mistakes"], report["findings"]
    if mistakes:
        click.echo(f"{name}: {tinted('FAILED', 'bad')}: {counted(len(mistakes), 'mistake')}")
    else:
        click.echo(f"{name}: {tinted('SUCCESS', 'good')}: {counted(report['settings'], 'setting')}")
    for item in [*mistakes[:100], *findings]:
        mark = tinted("finding: ", "warn") if item in findings else ""
        click.echo(f"  {mark}{clean(item, 2000)}")
    if len(mistakes) > 100:
        click.echo(f"  … and {len(mistakes) - 100} more")
