"""`paramedic query`: ask the metrics in Prometheus' query language."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import When, echo_json, output_option
from paramedic.console.chart import chart, number, spark
from paramedic.console.stored import Stored, readable
from paramedic.console.table import Cell, show, terminal_width, tinted
from paramedic.console.words import clean, moment
from paramedic_core.config.units import Wrong, duration
from paramedic_core.errors import ParamedicError, PeerAway
from paramedic_core.settings import Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.query import Query, Result, Series

_MOST_ROWS = 50
_POINTS = 240
_HEIGHT = 8
_WIDTH = 80


class Moment(When):
    """As `When`, but any Unix seconds, and as a number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            found = float(value)
        except ValueError:
            return float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is no moment", param, ctx)
        return found


class Span(click.ParamType):  # type: ignore[type-arg]  # its type argument is newer than what we allow
    """A time span, as `1h` or `30s`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = duration(str(value))
        except Wrong as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("it must be more than 0", param, ctx)
        return seconds


@click.command("query")
@click.argument("expression")
@click.option("--range", "lasting", type=Span(), default=None, help="Over so long until now, as 1h, not just now.")
@click.option("--step", type=Span(), default=None, help="Between two points of a range; a 240th of it unless given.")
@click.option(
    "--at", type=Moment(), default=None, help="At this moment, not now: Unix seconds or RFC 3339; the end of a range."
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 10_000),
    default=_MOST_ROWS,
    show_default=True,
    help="At most so many series.",
)
@click.option(
    "--url",
    envvar="PARAMEDIC_URL",
    default="",
    help="What to ask: the hub of PARAMEDIC_DATA or this host unless given. A Prometheus or VictoriaMetrics will do (or PARAMEDIC_URL).",
)
@click.option(
    "--token",
    envvar="PARAMEDIC_TOKEN",
    default="",
    help="A token, where the server wants one (better in PARAMEDIC_TOKEN).",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=None,
    help="Read the stored metrics of this data directory themselves, with or without a hub; not now but their last moment.",
)
@click.option("--timeout", type=Span(), default="30s", show_default=True, help="How long the answer may take.")
@output_option()
def command(
    expression: str,
    lasting: float | None,
    step: float | None,
    at: float | None,
    limit: int,
    url: str,
    token: str,
    data: Path | None,
    timeout: float,
    output: str,
) -> int:
    """Ask the metrics: EXPRESSION is PromQL, Prometheus' query language.

    \b
    paramedic query up
    paramedic query 'rate(container_cpu_usage_seconds_total[5m])' --range 1h
    paramedic query 'topk(5, container_memory_usage_bytes)' -o json
    """  # noqa: D301  click wants the character itself
    if data is None:
        client: Query | Stored
        try:
            client = Query(url or _own_url(), token=token, timeout=timeout)
            result, end, step = _asked(client, expression, lasting, step, at)
        except PeerAway as error:
            if url:
                raise
            raise PeerAway(
                f"{error}: `paramedic status` says whether a hub runs; of another data directory it is found with"
                " PARAMEDIC_DATA, at another address with --url http://HOST:PORT/prometheus"
            ) from error
    else:
        with readable(data / "metrics") as folder:
            client = Stored(folder, timeout)
            result, end, step = _asked(client, expression, lasting, step, at)
    for warning in result.warnings:
        click.echo(f"finding: {clean(warning)}", err=True)
    if output == "json":
        echo_json(_plain(result))
    else:
        _print(result, limit, lasting, step, end)
    if isinstance(client, Stored) and client.damaged:
        click.echo("something is damaged, and missing here: `paramedic tsdb check` names it", err=True)
        return exits.ATTENTION
    return exits.OK


def _asked(
    client: Query | Stored, expression: str, lasting: float | None, step: float | None, at: float | None
) -> tuple[Result, float, float | None]:
    """The answer, the end of its time, and its step."""
    end = at if at is not None else client.newest if isinstance(client, Stored) else time.time()
    if lasting is None:
        return client.instant(expression, at), end, step
    step = step or max(1.0, round(lasting / _POINTS))
    # On whole steps, as Grafana does: so the same question a moment later has the same points.
    end = end // step * step
    return client.range(expression, end - lasting, end, step), end, step


def _own_url() -> str:
    """The hub of this host: where it says that it listens, or where the configuration says so while it cannot be asked."""
    named = os.environ.get("PARAMEDIC_DATA")
    listen = ""
    try:
        found = RoleClient(socket_path(Path(named or Settings().data), "hub"), "hub").get("/address", timeout=2.0)
        listen = str(found["listen"])
    except (ParamedicError, KeyError, TypeError) as error:
        # Whoever may not ask it may see its page all the same. But one that was named and does not run is no other one.
        if named and isinstance(error.__cause__, (FileNotFoundError, ConnectionRefusedError)):
            raise
    if not listen:
        # Imported here: pydantic and yaml take longer to import than the whole of this command.
        from paramedic_core.config.load import default_files, load  # noqa: PLC0415

        listen = load(default_files(os.environ), os.environ).settings.hub.listen
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104  all addresses: ours among them
    return f"http://{host}:{port}/prometheus"


def _print(result: Result, limit: int, lasting: float | None, step: float | None, end: float) -> None:
    series = result.series
    if result.kind == "string":
        click.echo(clean(result.text, 20_000))
        return
    if not series:
        click.echo("there is no such series" + (" now" if lasting is None else " in this time"), err=True)
        return
    if lasting is None or step is None:
        show(("VALUE", "SERIES"), [(_value(s.value), _name(s.labels)) for s in series[:limit]], right=("VALUE",))
    else:
        _print_range(series[:limit], end - lasting, end, step)
    if len(series) > limit:
        click.echo(f"there are {len(series)} series: these are the first {limit} (-n)", err=True)


def _print_range(series: Sequence[Series], start: float, end: float, step: float) -> None:
    width = terminal_width() or _WIDTH
    if len(series) == 1:
        now = time.time()
        for line in chart(_grid(series[0], start, end, step), width, _HEIGHT):
            click.echo(line)
        click.echo(tinted(f"{moment(start, now)} … {moment(end, now)}, every {step:g} s", "faint"))
    rows = []
    for one in series:
        values = [v for _, v in one.points]
        line = spark(_grid(one, start, end, step), max(12, width // 4))
        rows.append((line, number(min(values)), number(max(values)), _value(one.value), _name(one.labels)))
    show(("HOW IT GOES", "LEAST", "MOST", "LAST", "SERIES"), rows, right=("LEAST", "MOST", "LAST"))


def _grid(one: Series, start: float, end: float, step: float) -> list[float | None]:
    """The points at every step, None where there is none."""
    count = min(11_001, int((end - start) / step) + 1)
    found: list[float | None] = [None] * count
    for at, value in one.points:
        place = round((at - start) / step)
        if 0 <= place < count:
            found[place] = value
    return found


def _value(value: float) -> Cell:
    return Cell(f"{value:.10g}".replace("nan", "NaN").replace("inf", "Inf"))


def _name(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return labels.get("__name__", "") + (f"{{{inner}}}" if inner or "__name__" not in labels else "")


def _plain(result: Result) -> dict[str, Any]:
    """For scripts: times in seconds, values as numbers, and as words where JSON has no number."""
    if result.kind == "string":
        return {"kind": result.kind, "text": result.text, "warnings": result.warnings}
    series = [
        {"labels": dict(s.labels), "points": [[at, v if abs(v) < float("inf") else number(v)] for at, v in s.points]}
        for s in result.series
    ]
    return {"kind": result.kind, "series": series, "warnings": result.warnings}
