"""What the rest needs of a store: to be asked, to be given samples, and to tell how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from paramedic_core.lifecycle import Component
from paramedic_metrics.harm import Harm
from paramedic_metrics.series import Queryable
from paramedic_metrics.sink import Sink


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store holds."""

    series: int = 0
    """Series that can be found."""
    label_pairs: int = 0
    blocks: int = 0
    bytes: int = 0
    """On the disk."""
    oldest: int = 0
    """Unix milliseconds of the first sample; 0 for none."""
    newest: int = 0
    damaged: int = 0
    """Blocks that could not be read."""


class Store(Queryable, Sink, Component, Protocol):
    """A store of samples."""

    def standing(self) -> Standing:
        """What it holds now.

        Raises:
            StoreUnavailable: it cannot be asked now.
        """
        ...

    def harm(self) -> list[Harm]:
        """What is known to be damaged; nothing while it is not open."""
        ...

    def metrics(self) -> str:
        """Its own metrics, as text exposition."""
        ...
