"""What is sent: items (one incident, one reason) and deliveries of several, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic_core.settings import Told

MOST_SHOWN = 20
"""Items that a delivery's text names; the others are counted."""
_LONGEST = 500
WORDS = {
    Told.FAILED: ("failed", "failed"),
    Told.REFUSED: ("held back", "held back"),
    Told.GAVE_UP: ("given up", "given up"),
    Told.HEALED: ("well again", "well again"),
}
"""Reason → what stands behind one name, and behind a count."""
ORDER = (Told.GAVE_UP, Told.FAILED, Told.REFUSED, Told.HEALED)
"""The most pressing first."""


@dataclass(frozen=True, slots=True)
class Item:
    """One incident, told for one reason."""

    id: str
    """`INCIDENT/REASON`: the same however often it is sent, so that a receiver can know it again."""
    reason: Told
    at: float
    """When it happened, Unix seconds."""
    host: str
    incident: str
    target: str
    """Full container id."""
    name: str
    service: str
    cause: str
    text: str
    """Sentences: what is wrong, what was done or why not, and what would help."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What goes out in one request."""

    id: str
    """The same when it is sent again."""
    node: str
    """The host's name for people."""
    items: Sequence[Item]
    link: str = ""
    """Where the page shows more; empty when nobody said where the page is."""
    test: bool = False
    """Somebody tries the channel out; nothing has happened."""

    @property
    def reason(self) -> Told:
        """The most pressing of its items' reasons."""
        reasons = {item.reason for item in self.items}
        return next(reason for reason in ORDER if reason in reasons)

    @property
    def title(self) -> str:
        """`tuna: shop-web-1 given up`, or `tuna: 2 given up, 3 failed`."""
        if self.test:
            return f"{self.node}: a test"
        if len(self.items) == 1:
            return f"{self.node}: {self.items[0].name} {WORDS[self.items[0].reason][0]}"
        counts = [(sum(i.reason is reason for i in self.items), WORDS[reason][1]) for reason in ORDER]
        return f"{self.node}: {', '.join(f'{count} {word}' for count, word in counts if count)}"

    @property
    def text(self) -> str:
        """One item's text, or a line for each."""
        if len(self.items) == 1:
            return self.items[0].text
        ordered = sorted(self.items, key=lambda item: (ORDER.index(item.reason), item.at))
        lines = [f"{item.name} {WORDS[item.reason][0]}: {item.text}" for item in ordered[:MOST_SHOWN]]
        more = len(ordered) - MOST_SHOWN
        return "\n".join([*lines, *([f"… and {more} more: see the page"] if more > 0 else [])])


def shortened(text: str) -> str:
    """Foreign words for a message: bounded, on one line, nothing that drives a terminal."""
    clean = "".join(c if c.isprintable() else " " for c in text[: _LONGEST + 1])
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"
