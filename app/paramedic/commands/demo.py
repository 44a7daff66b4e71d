"""`paramedic demo`: break real containers one after another, and watch paramedic heal them."""

from __future__ import annotations

import os
import sys

import click

from paramedic_core.errors import EngineAway

NO_ENGINE = 75
"""The exit status where no engine can be had (EX_TEMPFAIL of sysexits.h)."""


@click.command("demo")
@click.option("--engine", "address", default="", metavar="unix://…", help="An engine that the demo may use.")
@click.option("--once", is_flag=True, help="End by itself; status 0 only if all went as it should.")
def command(address: str, *, once: bool) -> int:
    """Break real containers one after another, and watch.

    Three are healed, one that never gets well is held, and one without leave is left alone. Only containers of the
    project paramedic-demo are touched. `make demo` in a checkout starts a private engine for it; ENGINE=host uses
    this machine's own. Without a terminal it ends by itself.
    """
    from paramedic.demo import scenario  # noqa: PLC0415  only the demo needs it

    if not address and os.environ.get("ENGINE") == "host":
        address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address:
        raise click.UsageError(
            "which engine may the demo use? `make demo` in a checkout starts a private one; "
            "ENGINE=host uses this machine's own; --engine names one"
        )
    try:
        return scenario.run(address, once=once or not sys.stdout.isatty())
    except EngineAway as error:
        click.echo(f"Error: no engine for the demo: {error}", err=True)
        return NO_ENGINE
