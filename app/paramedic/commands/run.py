"""`paramedic run`: start the supervisor and its roles."""

from __future__ import annotations

import os
import sys

import click

from paramedic.options import Options

LEVELS = ("debug", "info", "warning", "error")


@click.command("run")
@click.option("--role", "roles", multiple=True, help="Run only this role (may be given more than once).")
@click.option("--data", default="", type=click.Path(file_okay=False), help="The data directory.")
@click.option("--config", "files", multiple=True, type=click.Path(dir_okay=False), help="A configuration file.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting, over files and environment.")
@click.option("--log-level", default="", type=click.Choice(("", *LEVELS)), metavar="|".join(LEVELS))
def command(roles: tuple[str, ...], data: str, files: tuple[str, ...], sets: tuple[str, ...], log_level: str) -> None:
    """Watch and heal until interrupted.

    SIGHUP reads the configuration again; SIGTERM and SIGINT stop everything within 5 seconds.
    """
    files = tuple(os.path.abspath(f) for f in files)  # noqa: PTH100  names stay as given, only made absolute
    argv = Options(roles, files, sets, data, log_level).command()
    sys.stdout.flush()
    # glibc would give each thread a heap of its own: 2 MB over all roles, for speed that none of them needs.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    # The command line's own modules weigh on no role: the process starts over as the supervisor.
    os.execv(argv[0], argv)  # noqa: S606  our own interpreter, no shell
