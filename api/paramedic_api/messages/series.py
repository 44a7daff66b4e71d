"""Faults that come and go: incidents of one target and cause with no long calm between them are told as one.

A health check that fails every other second opens an incident each time. The journal has them all, as it must; people are
told once, until the target has been well for `CALM`. Kept in the messages' own store, so that no restart tells it again.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, replace

from paramedic_api.messages.item import Item, shortened
from paramedic_api.messages.tell import Step

CALM = 900.0
"""Seconds without the fault after which its next coming is news again: as long as the healer's own shorter window."""
HEALED_EVERY = 3600.0
"""Seconds: what comes and goes is told to be well again at most this often."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
  name TEXT NOT NULL, cause TEXT NOT NULL, first TEXT NOT NULL, began REAL NOT NULL, count INTEGER NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (name, cause));
"""


@dataclass(frozen=True, slots=True)
class Series:
    """Incidents that are one to those who are told."""

    first: str
    """Its first incident's id: what was told of the series is noted under it."""
    began: float = 0.0
    """Unix seconds."""
    count: int = 1
    """Incidents so far."""

    def counted(self, item: Item) -> Item:
        """The item, with how often this has happened where that is more than once."""
        if self.count < 2:
            return item
        since = time.strftime("%d %b %H:%M UTC", time.gmtime(max(0.0, min(self.began, item.at))))
        return replace(item, text=shortened(f"It has come and gone {self.count} times since {since}. {item.text}"))


def follow(db: sqlite3.Connection, step: Step) -> Series:
    """The series that a record's incident belongs to; its beginnings and ends are noted."""
    if not step.incident or not step.cause or step.asked:
        # Each wish of a person is a thing of its own.
        return Series(step.incident)
    key = (step.name, step.cause)
    row = db.execute("SELECT first, began, count, at FROM series WHERE name = ? AND cause = ?", key).fetchone()
    if step.opened is not None:
        # After the clock was set back far, that it was ill lies in the future: it is told again rather than never.
        if row is not None and abs(step.at - row[3]) < CALM:
            series = Series(row[0], row[1], row[2] + (step.incident != row[0]))
        else:
            series = Series(step.incident, step.at)
        values = (*key, series.first, series.began, series.count, step.at)
        db.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)", values)
        return series
    if row is None:
        return Series(step.incident)
    if step.over:
        db.execute("UPDATE series SET at = ? WHERE name = ? AND cause = ?", (step.at, *key))
    return Series(row[0], row[1], row[2])
