"""Handler: one way to answer a question. The handlers form a chain; each answers, or hands the question on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from paramedic_core.settings import DnsSettings
from paramedic_dns.answer import Answer
from paramedic_dns.loop import Loop
from paramedic_dns.netif import Interface
from paramedic_dns.stats import Stats
from paramedic_dns.views import Asker
from paramedic_dns.wire import Query
from paramedic_dns.zone import Zone

Done = Callable[[Answer], None]
"""Takes the answer, now or later, once, on the loop's thread."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, and who asks it."""

    query: Query
    asker: Asker
    tcp: bool = False


Then = Callable[[Ask, Done], None]
"""The rest of the chain."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What handlers are made of."""

    settings: DnsSettings
    apex: bytes
    """The zone's key."""
    loop: Loop
    stats: Stats
    zone: Callable[[], Zone | None]
    """The present one; None while nothing is known."""
    local: Callable[[], Sequence[Interface]]
    """This host's interfaces."""
    doors: Callable[[], frozenset[tuple[str, int]]]
    """Addresses and ports at which we answer ourselves."""


class Handler:
    """One file in `handlers/`, found by its name.

    Args:
        kit: what it may use.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    """Its place in the chain, the smallest first."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    def take(self, ask: Ask, done: Done, then: Then) -> None:
        """Answer with `done(answer)`, or hand on with `then(ask, done)`. Never waits."""
        raise NotImplementedError
