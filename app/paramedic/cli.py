"""The command line. A command is one module of `commands/`: its docstring's first line is the help, `command` is the click command.

Modules are imported only when their command is called, so `paramedic status` does not wait for what `run` needs.
"""

from __future__ import annotations

import ast
import errno
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from paramedic.console import exits
from paramedic.console.words import clean
from paramedic_core.errors import ConfigError, ParamedicError, PeerAway, Refused, Temporary

_COMMANDS = Path(__file__).parent / "commands"
_ALIASES = {"why": "explain"}


class LazyGroup(click.Group):
    """A group whose commands are the modules of a folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(info.name.replace("_", "-") for info in pkgutil.iter_modules([str(_COMMANDS)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"paramedic.commands.{name.replace('-', '_')}")
        found = module.command
        if not isinstance(found, click.Command):
            raise TypeError(f"{module.__name__}.command is no click command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = _nearest(args[0], [*self.list_commands(ctx), *_ALIASES])
            if not near:
                raise
            raise click.UsageError(f"there is no command {args[0]!r}: did you mean {near!r}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by their modules' docstrings, without importing one."""
        rows = [(name, _first_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_line(name: str) -> str:
    source = (_COMMANDS / f"{name.replace('-', '_')}.py").read_text()
    text = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    aliases = [alias for alias, of in _ALIASES.items() if of == name]
    text = text.partition("`: ")[2] or text
    return text[:1].upper() + text[1:] + (f" (also: {', '.join(aliases)})" if aliases else "")


def _nearest(given: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only a mistyped command needs it

    return next(iter(get_close_matches(given, names, n=1, cutoff=0.5)), "")


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """The first responder for containers: watches them, heals them under guard rails, and says why.

    Data goes to stdout and messages to stderr. Exit status: 0 good, 1 failed or invalid, 2 wrong usage, 3 needs
    attention, 4 a role is away, 5 rights are missing.
    """


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; whatever goes wrong is a message, never a trace."""
    try:
        result = cli.main(list(argv) if argv is not None else None, prog_name="paramedic", standalone_mode=False)
    except click.exceptions.Abort:
        return exits.INTERRUPTED
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"Error: {_harmless(error.message)}", err=True)
        return error.exit_code
    except ParamedicError as error:
        click.echo(f"Error: {_harmless(str(error))}", err=True)
        return _status(error)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:
        if os.environ.get("PARAMEDIC_DEBUG"):
            raise
        what = f"this should not happen: {type(error).__name__}: {error} (PARAMEDIC_DEBUG=1 shows where)"
        if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
            # As above: what is still in the buffer will not be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            what = f"what was to be said cannot be written: {error.strerror}: look at where the output goes"
        click.echo(f"Error: {_harmless(what)}", err=True)
        return exits.FAILED
    return result if isinstance(result, int) else exits.OK


def _harmless(text: str) -> str:
    """An error's text for the terminal: what it quotes is foreign; its lines stay."""
    return "\n".join(clean(line, 2000) for line in text.split("\n"))


def _status(error: ParamedicError) -> int:
    if isinstance(error, PeerAway):
        return exits.AWAY
    if isinstance(error, (ConfigError, Refused)) or not isinstance(error, Temporary):
        return exits.FAILED
    return exits.AWAY
