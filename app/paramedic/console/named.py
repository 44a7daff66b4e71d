"""Services that a configuration or a grant names, and that are not on this host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paramedic_core.config.mistakes import nearest
from paramedic_core.world import World


def unknown(world: World, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each of `names` that is no container and no service here, and the one that may be meant, in words."""
    known = {n for c in world.containers.values() for n in (c.name, c.service, c.service_key)}
    for name in names:
        if name not in known:
            near = nearest(name, sorted(known))
            yield name, f" (did you mean {near}?)" if near else ""
