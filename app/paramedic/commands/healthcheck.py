"""`paramedic healthcheck`: for Docker's HEALTHCHECK: 0 when every role answers, 1 when not."""

from __future__ import annotations

from pathlib import Path

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option
from paramedic.console.peers import Peers
from paramedic.console.report import read_report
from paramedic.console.words import clean


@click.command("healthcheck")
@data_option
@click.option("--role", "roles", multiple=True, help="Only this role (may be given more than once).")
@click.option("--ready", is_flag=True, help="Ask whether it can do its work now, not only whether it is alive.")
@click.option(
    "--timeout", type=click.FloatRange(0.1, 60), default=3.0, show_default=True, help="Seconds for each answer."
)
def command(data: Path, roles: tuple[str, ...], ready: bool, timeout: float) -> int:  # noqa: FBT001  click's way
    """Ask every role of this data directory whether it is alive. Exit status 0 or 1, as Docker wants it."""
    question = "ready" if ready else "healthy"
    peers = Peers(data, timeout=timeout)
    names = roles or _present(data)
    bad = []
    for name in names:
        try:
            good, parts = peers.verdict(name, question)
        except click.ClickException as error:
            bad.append(f"{name}: {error.message}")
            continue
        reasons = [str(p.get("reason", "")) for p in parts.values() if isinstance(p, dict) and not p.get("ready", True)]
        if not good:
            bad.append(f"{name}: not {question}: {'; '.join(reasons)}")
    for line in bad:
        click.echo(clean(line), err=True)
    if not names:
        click.echo(f"no role runs with the data directory {data}", err=True)
    return exits.FAILED if bad or not names else exits.OK


def _present(data: Path) -> tuple[str, ...]:
    """The roles that run or should: those the supervisor was asked for, and what left its pid file or its socket."""
    try:
        found = {p.stem for p in (data / "run").iterdir() if p.suffix in (".sock", ".pid")}
        report = read_report(data)
        # Another container's roles are its own health check's business.
        return tuple(sorted((found | set(report.roles)) - report.elsewhere))
    except OSError:
        return ()
