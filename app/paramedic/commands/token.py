"""`paramedic token`: make, list and revoke tokens for the API."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Away, NoRights
from paramedic.console.table import show
from paramedic.console.words import clean, moment
from paramedic_core.sys.tokens import ROLES, TokenStore

T = TypeVar("T")


@click.group("token")
def command() -> None:
    """Make, list and revoke tokens: viewer reads, operator asks for actions, admin grants; sender delivers webhooks only."""


@command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do.")
@data_option
@output_option()
def create(name: str, role: str, data: Path, output: str) -> int:
    """Make a token and print it, this once: only its hash is kept."""
    text = _may(lambda store: store.create(name, role), data)
    if output == "json":
        echo_json({"name": name, "role": role, "token": text})
    else:
        click.echo(text)
        click.echo("keep it well: it is not shown again", err=True)
    return exits.OK


@command.command("list")
@data_option
@output_option()
def list_tokens(data: Path, output: str) -> int:
    """Show the tokens that there are, never their text."""
    tokens = _may(lambda store: store.list(), data)
    if output == "json":
        echo_json([{"id": t.id, "name": t.name, "role": t.role, "created": t.created} for t in tokens])
    elif tokens:
        show(("ID", "ROLE", "MADE", "NAME"), [(t.id, t.role, moment(t.created, time.time()), t.name) for t in tokens])
    else:
        click.echo("there is no token", err=True)
    return exits.OK


@command.command("revoke")
@click.argument("token_id", metavar="ID|NAME")
@data_option
def revoke(token_id: str, data: Path) -> int:
    """Take a token away; it stops counting at once."""
    gone = _may(lambda store: store.revoke(token_id), data)
    click.echo(f"revoked {gone.id} ({gone.role}, {clean(gone.name)})")
    return exits.OK


def _may(do: Callable[[TokenStore], T], data: Path) -> T:
    """Do something with the store, and say who could if this caller may not."""
    path = data / "tokens.json"
    try:
        data.stat()
        os.scandir(data).close()
        return do(TokenStore(path))
    except FileNotFoundError:
        raise Away(
            f"there is no data directory {data}: `paramedic run` makes it (or name another with --data)"
        ) from None
    except PermissionError:
        raise NoRights(f"no right to use {path}: call this as root (`sudo paramedic token …`)") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be used: {error.strerror}") from error
