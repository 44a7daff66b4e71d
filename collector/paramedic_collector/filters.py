"""Which names a source tells of: node_exporter's include and exclude patterns."""

from __future__ import annotations

import re

_MOST = 10_000
"""Names whose answer is kept; what comes and goes (veth interfaces) has ever new ones."""


class Filter:
    """Args:
    exclude: a name in which this matches anywhere is left out; empty: none is.
    include: a name in which this does not match is left out; empty: none is.
    """

    __slots__ = ("_exclude", "_include", "_known")

    def __init__(self, exclude: str = "", include: str = "") -> None:
        self._exclude = re.compile(exclude) if exclude else None
        self._include = re.compile(include) if include else None
        self._known: dict[str, bool] = {}

    def __call__(self, name: str) -> bool:
        """Whether the name is wanted."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            excluded = self._exclude is not None and self._exclude.search(name) is not None
            known = not excluded and (self._include is None or self._include.search(name) is not None)
            self._known[name] = known
        return known
