"""What of a store is known to be damaged, in words for a person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_MOST = 3
"""Files that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing that could not be read."""

    file: str
    """Relative to the store's folder."""
    lost: str = ""
    """What is lost, where it is no samples of known series."""
    samples: int = 0
    """How many are lost, at most."""
    series: int = 0
    start: int = 0
    """The first moment of what is lost, Unix milliseconds; 0 where that is not known."""
    end: int = 0
    settled: bool = False
    """It is out of the store's way already, and kept: there is nothing to repair."""


def told(harms: Sequence[Harm], flag: str = "") -> str:
    """All of it in a few sentences, what to do among them; empty when nothing is damaged.

    Args:
        harms: what is known.
        flag: ` --data DIR` for the commands to copy, where it is not the usual one.
    """
    if not harms:
        return ""
    files: dict[str, list[Harm]] = {}
    for harm in harms:
        files.setdefault(harm.file, []).append(harm)
    said = [f"{name}: {_lost(some)}" for name, some in list(files.items())[:_MOST]]
    more = len(files) - len(said)
    if more:
        said.append(f"and {more} more {'file' if more == 1 else 'files'}")
    check = f"`paramedic tsdb check{flag}`"
    todo = (
        f"What could not be read is kept in the folder damaged of the store ({check})."
        if all(harm.settled for harm in harms)
        else f"{check} names each place; with paramedic stopped, `paramedic tsdb repair{flag}` sets it aside and keeps the rest."
    )
    return f"Stored metrics are damaged, and queries go on without what is lost. {'; '.join(said)}. {todo} Look at that disk."


def _lost(harms: Sequence[Harm]) -> str:
    """What is lost of one file."""
    words = list(dict.fromkeys(harm.lost for harm in harms if harm.lost))
    blocks = [harm for harm in harms if not harm.lost]
    if blocks:
        samples, series = sum(h.samples for h in blocks), sum(h.series for h in blocks)
        times = _times(min(h.start for h in blocks), max(h.end for h in blocks))
        words.append(f"up to {samples:,} samples of {series:,} series{times}")
    return ", ".join(words[:_MOST]) + (f" and more in {len(words) - _MOST} places" if len(words) > _MOST else "")


def _times(start: int, end: int) -> str:
    if not start:
        return ""
    first, last = (datetime.fromtimestamp(t / 1000, UTC) for t in (start, end))
    until = last.strftime("%H:%M" if first.date() == last.date() else "%Y-%m-%d %H:%M")
    return f", {first:%Y-%m-%d %H:%M} to {until} UTC"
