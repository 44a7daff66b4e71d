"""`paramedic freeze`: stop all acts at once, or allow them again."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, token_option
from paramedic.console.peers import Away, NoRights, Peers
from paramedic_core.errors import Refused
from paramedic_core.sys.files import write_atomic


@click.command("freeze")
@data_option
@token_option
@click.option("--off", is_flag=True, help="Allow acts again.")
@click.option("--reason", default="", help="Why, for those who come after you.")
def command(data: Path, token: str, off: bool, reason: str) -> int:  # noqa: FBT001  click's way
    """Stop all acts on this host at once; watching and deciding go on.

    It is a file, DATA/FREEZE: `touch` does the same, also when paramedic is dead. With runtime away it is made or removed
    directly, which needs write access to the data directory.
    """
    try:
        Peers(data).post("runtime", "/freeze", {"on": not off, "by": _who(), "reason": reason}, token)
    except Away:
        _directly(data, off, reason)
    except Refused as error:
        raise NoRights(
            f"{error} (as root: `sudo paramedic freeze --off`, else with --token or PARAMEDIC_TOKEN)"
        ) from error
    click.echo("not frozen: acts are allowed again, under the guards" if off else "frozen: nothing is acted on")
    return exits.OK


def _directly(data: Path, off: bool, reason: str) -> None:  # noqa: FBT001  as above
    path = data / "FREEZE"
    try:
        if off:
            path.unlink(missing_ok=True)
        elif not path.exists():
            data.stat()
            write_atomic(path, json.dumps({"by": _who(), "reason": reason}).encode() + b"\n", 0o644)
    except PermissionError:
        raise NoRights(f"no right to change {path}: call this as root (`sudo paramedic freeze`)") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be changed: {error.strerror} (is --data right?)") from error
    click.echo("runtime is away; the file was changed directly, and counts as soon as it is back", err=True)


def _who() -> str:
    # sudo's own word for who is behind root, for the record only: it lets nobody in.
    user = os.environ.get("SUDO_USER") or _user()
    return f"{user} on the command line"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
