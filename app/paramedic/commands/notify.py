"""`paramedic notify`: show the channels by which people are told, and try them out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from paramedic.console import exits
from paramedic.console.arguments import data_option, echo_json, output_option
from paramedic.console.peers import Peers
from paramedic.console.table import Cell, show, tinted
from paramedic.console.words import ago, clean, counted

_TONES = {"well": "good", "waiting": "warn", "failing": "bad", "off": "faint"}
_TEST_TAKES = 75.0
"""Seconds: more than the longest `timeout` that a channel may have."""


@click.group("notify")
def command() -> None:
    """Show the channels by which people are told, and try them out."""


@command.command("status")
@data_option
@output_option()
def status(data: Path, output: str) -> int:
    """Show each channel: what waits, what was sent, what went wrong last; and the heartbeat.

    Exits with 3 when something does not get through.
    """
    answer: dict[str, Any] = Peers(data).get("hub", "/notifications")
    if output == "json":
        echo_json(answer)
    else:
        _print(answer)
    failing = [c for c in (*answer["channels"], answer["heartbeat"]) if c["state"] == "failing"]
    return exits.ATTENTION if failing else exits.OK


@command.command("test")
@click.argument("channel", default="", metavar="[CHANNEL]")
@data_option
@output_option()
def test(channel: str, data: Path, output: str) -> int:
    """Send a test message to CHANNEL, or to every channel, and say what came of it.

    Exits with 1 when one did not get through, and with 3 when there is no channel.
    """
    answer: dict[str, Any] = Peers(data).post("hub", "/notifications/test", {"channel": channel}, timeout=_TEST_TAKES)
    results = answer["results"]
    if output == "json":
        echo_json(answer)
    elif not results:
        click.echo("nobody is told of anything: name a channel under `notify` in the configuration")
    else:
        show(("CHANNEL", "RESULT", "TOOK", "WHY"), [_result(r) for r in results])
    if not results:
        return exits.ATTENTION
    return exits.OK if all(r["delivered"] for r in results) else exits.FAILED


def _result(result: dict[str, Any]) -> tuple[Cell | str, ...]:
    word = Cell("delivered", "good") if result["delivered"] else Cell("failed", "bad")
    return result["channel"], word, f"{result['seconds']:.1f}s", result["error"]


def _print(answer: dict[str, Any]) -> None:
    now = time.time()
    channels, beat = answer["channels"], answer["heartbeat"]
    if channels:
        titles = ("CHANNEL", "KIND", "WHERE", "STATE", "WAITING", "SENT", "DROPPED", "LAST SENT", "LAST ERROR")
        show(titles, [_row(c, now) for c in channels], right=("WAITING", "SENT", "DROPPED"))
    else:
        click.echo("nobody is told of anything: name a channel under `notify` in the configuration")
    if not beat["place"]:
        click.echo("heartbeat: off (setting heartbeat.url)")
        return
    text = f"heartbeat: {beat['state']}, {beat['place']}, {counted(beat['sent_total'], 'time')} sent"
    last = f", last {ago(beat['last_sent_at'], now)}" if beat["last_sent_at"] else ""
    why = f": {beat['last_error']}" if beat["last_error"] else ""
    click.echo(tinted(clean(f"{text}{last}{why}", 1000), _TONES[beat["state"]]))


def _row(channel: dict[str, Any], now: float) -> tuple[Cell | str, ...]:
    error = f"{channel['last_error']} ({ago(channel['last_error_at'], now)})" if channel["last_error"] else ""
    return (
        channel["name"],
        channel["kind"],
        channel["place"],
        Cell(channel["state"], _TONES[channel["state"]]),
        str(channel["waiting"]),
        str(channel["sent_total"]),
        Cell(str(channel["dropped_total"]), "warn" if channel["dropped_total"] else ""),
        ago(channel["last_sent_at"], now),
        error,
    )
