"""`paramedic version`: show the version."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from paramedic.console.arguments import echo_json, output_option


@click.command("version")
@output_option()
def command(output: str) -> None:
    """Show paramedic's version, and Python's."""
    version = importlib.metadata.version("paramedic")
    if output == "json":
        echo_json({"version": version, "python": platform.python_version(), "machine": platform.machine()})
    else:
        click.echo(f"paramedic {version} (Python {platform.python_version()}, {platform.machine()})")
