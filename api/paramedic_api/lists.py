"""Lists: a cursor to read on from, and a hard cap on how much one answer holds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import Field

from paramedic_api.shapes import Body
from paramedic_core.errors import BadInput

MOST = 500
"""A larger `limit` is cut to this."""
T = TypeVar("T")


class ListQuery(Body):
    """What every list takes. A misspelt `target` must not list everybody's."""

    limit: int = Field(100, ge=1, description=f"how many at most; cut to {MOST}")
    cursor: str = Field("", max_length=300, description="`next` of the answer before")
    host: str = Field("", max_length=64, description="only this host's")

    @property
    def count(self) -> int:
        return min(self.limit, MOST)


def cursor_of(key: str) -> str:
    """A cursor that stands after `key`."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str) -> str:
    """What a cursor stands after; empty for the start.

    Raises:
        BadInput: it is no cursor of ours.
    """
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise BadInput("`cursor` is not one that a list has given: leave it out to start anew") from None


def number_of(cursor: str) -> int:
    """As `key_of`, for lists in the order of a sequence number; 0 for the start."""
    key = key_of(cursor)
    if not key:
        return 0
    if not key.isascii() or not key.isdigit() or len(key) > 18:
        raise BadInput("`cursor` is not one that this list has given: leave it out to start anew")
    return int(key)


def cut(items: Sequence[T], key: Callable[[T], str], query: ListQuery) -> tuple[list[T], str | None]:
    """The part of `items` (sorted by `key`) that `query` asks for, and the cursor of what follows."""
    after = key_of(query.cursor)
    rest = [item for item in items if not after or key(item) > after]
    chosen = rest[: query.count]
    return chosen, cursor_of(key(chosen[-1])) if len(rest) > len(chosen) else None
