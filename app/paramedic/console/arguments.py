"""Options that several commands have, with one meaning."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from paramedic_core.config.units import Wrong, duration
from paramedic_core.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class When(click.ParamType):  # type: ignore[type-arg]  # its type argument is newer than what we allow
    """A moment: so long ago, Unix seconds, or RFC 3339 with its offset."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text:
            return ""
        if re.fullmatch(r"\d{9,10}(\.\d{1,9})?", text, re.ASCII):
            return text
        if re.match(r"\d{4}-", text, re.ASCII):
            return f"{self._written(text, param, ctx):.3f}"
        try:
            return f"{max(0.0, time.time() - duration(text)):.3f}"
        except Wrong as error:
            self.fail(f"{error}; or Unix seconds, or 2026-11-30T02:15:00Z", param, ctx)

    def _written(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{text[:60]!r} is no moment: write it as 2026-11-30T02:15:00Z, with Z or an offset", param, ctx)
        return moment.timestamp()


def data_option(function: F) -> F:
    """`--data DIR`, as a Path."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
        envvar="PARAMEDIC_DATA",
        default=Settings().data,
        show_default=True,
        help="The data directory of the paramedic to talk to (or PARAMEDIC_DATA).",
    )(function)


def output_option(*forms: str) -> Callable[[F], F]:
    """`-o FORM`; the first of `forms` is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(forms or ("table", "json")),
        default=(forms or ("table",))[0],
        show_default=True,
        help="A table for people, or JSON for scripts." if not forms else "The form of what is printed.",
    )


def token_option(function: F) -> F:
    """`--token`, for those who are not root."""
    return click.option(
        "--token",
        envvar="PARAMEDIC_TOKEN",
        default="",
        help="An admin token, when you are not root (better in PARAMEDIC_TOKEN, where `ps` does not show it).",
    )(function)


def echo_json(value: object) -> None:
    """Print a value for scripts. Only ASCII goes out, so no foreign text can drive a terminal."""
    click.echo(json.dumps(value, indent=2))
