"""The healing story as it happens: follows the healer's journal and prints each record as a sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import click

from paramedic.demo.engine import PROJECT
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient

_COLOURS = {"opened": "red", "gave_up": "yellow", "closed": "green", "intent": "cyan", "outcome": "cyan"}
_MOST_RECORDS = 10_000


def say(who: str, text: str, at: float | None = None, colour: str | None = None) -> None:
    """One line of the timeline; foreign text cannot drive the terminal."""
    clock = time.strftime("%H:%M:%S", time.localtime(at))
    plain = "".join(c if c.isprintable() else "?" for c in text)
    click.echo(f"{clock}  {click.style(f'{who:<10}', bold=True)} {click.style(plain, fg=colour)}")


class Story:
    """Prints the healer's journal from now on, and keeps it.

    Args:
        healer: the healer's client.
    """

    def __init__(self, healer: RoleClient) -> None:
        self._healer = healer
        self._records: list[dict[str, Any]] = []
        self._told: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="demo-story")

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; the thread ends with the stream."""
        self._stop.set()

    def records(self, container: str, kind: str, since: float) -> list[dict[str, Any]]:
        """The records of one container and kind since `since` (Unix seconds)."""
        with self._changed:
            found = list(self._records)
        return [r for r in found if r["name"] == container and r["kind"] == kind and r["at"] >= since]

    def wait(self, holds: Callable[[], bool], within: float) -> bool:
        """Wait until `holds()`, at most `within` seconds; return whether it does."""
        deadline = time.monotonic() + within
        while not holds():
            with self._changed:
                left = deadline - time.monotonic()
                if left <= 0:
                    return holds()
                self._changed.wait(min(left, 0.5))
        return True

    def _follow(self) -> None:
        after = 0
        while not self._stop.is_set():
            try:
                for line in self._healer.stream(f"/journal/stream?after={after}"):
                    if self._stop.is_set():
                        return
                    after = max(after, int(line.get("seq", 0)))
                    self._take(line)
            except ParamedicError as error:
                if not self._stop.is_set():
                    say("demo", f"the healer's journal is away for a moment: {error}", colour="yellow")
            self._stop.wait(0.5)

    def _take(self, record: dict[str, Any]) -> None:
        if "kind" not in record:
            return
        # Told first, so that whoever waits for the record goes on after its line.
        self._tell(record)
        with self._changed:
            if len(self._records) < _MOST_RECORDS:
                self._records.append(record)
            self._changed.notify_all()

    def _tell(self, record: dict[str, Any]) -> None:
        incident, text = str(record.get("incident", "")), str(record.get("text", ""))
        # A reason to hold back is told once an incident, however often it comes and goes; the journal has them all.
        held = record["kind"] == "decision" and record.get("decision") != "do"
        if not text or (held and (incident, text) in self._told):
            return
        self._told.add((incident, text))
        name = str(record["name"]).removeprefix(f"{PROJECT}-")
        say("paramedic", f"{name}: {text}", float(record["at"]), _COLOURS.get(str(record["kind"])))
