"""`paramedic metrics`: print the metrics of this node and its containers once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option
from paramedic.console.peers import Away, NoRights, Peers
from paramedic.console.words import clean
from paramedic_core.node_settings import TextfileSettings
from paramedic_core.settings import CollectorSettings
from paramedic_core.world import World

_PATH = click.Path(file_okay=False)


@click.command("metrics")
@click.option("--path.procfs", "procfs", type=_PATH, default="/proc", show_default=True, help="The host's /proc.")
@click.option("--path.sysfs", "sysfs", type=_PATH, default="/sys", show_default=True, help="The host's /sys.")
@click.option("--path.rootfs", "rootfs", type=_PATH, default="/", show_default=True, help="The host's root.")
@click.option(
    "--path.udev.data", "udev", type=_PATH, default="", help="The host's udev database.  [default: below the root]"
)
@click.option("--enable", multiple=True, metavar="SOURCE", help="Switch on a source that is off by default.")
@click.option("--disable", multiple=True, metavar="SOURCE", help="Switch off a source.")
@click.option(
    "--collector.textfile.directory",
    "textfile",
    multiple=True,
    metavar="FOLDER",
    help="Also tell on the *.prom files of this folder.",
)
@data_option
def command(
    *,
    procfs: str,
    sysfs: str,
    rootfs: str,
    udev: str,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    textfile: tuple[str, ...],
    data: Path,
) -> int:
    """Print the metrics of this node and its containers once, as the collector serves them at /metrics.

    It reads everything anew, also when no collector is running. What it tells of containers it learns from runtime;
    without that it prints the node's metrics only.
    """
    # Imported here: the sources and prometheus_client take longer to import than most commands take.
    from paramedic_collector.role import context_of  # noqa: PLC0415
    from paramedic_collector.scrape import Scraper  # noqa: PLC0415
    from paramedic_collector.views import strange  # noqa: PLC0415

    world = _world(data)
    settings = CollectorSettings(
        path_procfs=procfs,
        path_sysfs=sysfs,
        path_rootfs=rootfs,
        path_udev_data=udev,
        enable=enable,
        disable=disable,
        textfile=TextfileSettings(textfile),
    )
    host = world.host if world is not None else ""
    scraper = Scraper(lambda: context_of(settings, time.time(), world, host, socket.gethostname()), settings=settings)
    try:
        click.echo(scraper.scrape(), nl=False)
        troubles = scraper.errors | {failure.module: failure.reason for failure in scraper.failures}
    finally:
        scraper.close()
    for text in strange(context_of(settings, 0.0, None, "", "").paths):
        click.echo(f"finding: {clean(text, 500)}", err=True)
    for name, reason in sorted(troubles.items()):
        click.echo(f"finding: {name}: {clean(reason, 500)}", err=True)
    return exits.ATTENTION if troubles else exits.OK


def _world(data: Path) -> World | None:
    try:
        return Peers(data).world()
    except (Away, NoRights) as error:
        click.echo(f"finding: no containers, only the node: {error.message}", err=True)
        return None
