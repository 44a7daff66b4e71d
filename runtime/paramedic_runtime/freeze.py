"""FREEZE: one file in the data directory, and nothing is acted on, whatever else is dead.

Anybody who can write there can put it down with `touch`; its content, if any, is a note about who and why. It is looked
for at each act. What cannot be looked for counts as being there.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.sys.files import read_bounded, write_atomic

NAME = "FREEZE"


@dataclass(frozen=True, slots=True)
class Note:
    """What a FREEZE file says of itself; empty after a bare `touch`."""

    by: str = ""
    reason: str = ""
    at: float = 0.0
    """Unix seconds: the file's own time of change."""


class Freeze:
    """The file of one data directory.

    Args:
        data: the data directory.
        clock: the time.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        self.path, self._clock = data / NAME, clock
        self._unwritten: Note | None = None

    def on(self) -> bool:
        """Whether nothing may be acted on: one lstat(2)."""
        if self._unwritten is not None:
            return True
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def note(self) -> Note:
        """Who froze it, why and when, as far as the file says."""
        if self._unwritten is not None:
            return self._unwritten
        try:
            at = self.path.lstat().st_mtime
            if not self.path.is_file():
                # A pipe would never answer.
                return Note(reason="it is no plain file", at=at)
            value = json.loads(read_bounded(self.path, 4096))
            return Note(str(value["by"])[:200], str(value["reason"])[:500], at)
        except FileNotFoundError:
            return Note()
        except (OSError, ValueError, KeyError, TypeError, BadInput, RecursionError):
            return Note(reason="the file says nothing of itself")

    def freeze(self, by: str, reason: str) -> None:
        """Put the file down. A note that is there already is kept: the first reason is the one to look into.

        Raises:
            StoreUnavailable: it cannot be written; it is frozen all the same, until this process ends.
        """
        if self.on():
            return
        note = {"by": by[:200], "reason": reason[:500]}
        try:
            write_atomic(self.path, json.dumps(note).encode() + b"\n", 0o644)
        except OSError as error:
            self._unwritten = Note(by[:200], reason[:500], self._clock.now())
            raise StoreUnavailable(
                f"frozen, but only until runtime restarts: {self.path} cannot be written ({error.strerror})"
            ) from error

    def thaw(self) -> None:
        """Take the file away.

        Raises:
            StoreUnavailable: it cannot be removed; it stays frozen.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"still frozen: {self.path} cannot be removed ({error.strerror})") from error
        self._unwritten = None
