"""What is wrong with a configuration, said so that a person can mend it: where, what, what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was given."""

    source: str
    """A file's name, `environment NAME`, `--set`, or `flag`."""
    line: int = 0
    """From 1; 0 where there are no lines."""
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    @property
    def origin(self) -> str:
        """Without the column."""
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that must be mended before anything starts."""

    place: Place
    path: str
    """The setting's dotted name; empty when it is about a whole file."""
    what: str
    allowed: tuple[str, ...] = ()
    nearest: str = ""

    def __str__(self) -> str:
        parts = [f"{self.place}: ", f"{self.path}: " if self.path else "", self.what]
        if self.allowed:
            parts.append(f" (allowed: {', '.join(self.allowed)})")
        if self.nearest:
            parts.append(f": did you mean {self.nearest!r}?")
        return _harmless("".join(parts))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is allowed, and probably not meant."""

    place: Place
    path: str
    what: str

    def __str__(self) -> str:
        return _harmless(f"{self.place}: {self.path}: {self.what}" if self.path else f"{self.place}: {self.what}")


def _harmless(text: str) -> str:
    """Without what could drive a terminal: names in it are foreign."""
    return "".join(c if c.isprintable() else "?" for c in text)


def nearest(given: str, names: Iterable[str]) -> str:
    """The most similar of `names`; empty when none is near."""
    found = difflib.get_close_matches(given.lower(), list(names), n=1, cutoff=0.6)
    return found[0] if found else ""


def summary(mistakes: Sequence[Mistake]) -> str:
    """All of them (the first hundred of a flood), one a line, under a line that counts them."""
    count = "1 setting is wrong" if len(mistakes) == 1 else f"{len(mistakes)} settings are wrong"
    more = [f"  … and {len(mistakes) - _MOST_SHOWN} more"] if len(mistakes) > _MOST_SHOWN else []
    return "\n".join([f"{count}:", *(f"  {m}" for m in mistakes[:_MOST_SHOWN]), *more])
