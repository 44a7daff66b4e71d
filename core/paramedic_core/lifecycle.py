"""Component: the one shape of everything that starts and stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a part can do its work now, and if not, why, in words."""

    ready: bool
    reason: str = ""


class Component(Protocol):
    """A part with a life of its own inside a role."""

    name: str

    def start(self) -> None:
        """Begin; returns at once. Called once."""

    def stop(self) -> None:
        """End within 2 seconds; safe to call when never started."""

    def ready(self) -> Readiness:
        """Whether it can do its work now."""

    def healthy(self) -> Readiness:
        """Whether its loops are alive; a role that is not is replaced."""
