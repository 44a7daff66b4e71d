"""A message to an ntfy topic."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from paramedic_api.messages.item import Delivery
from paramedic_api.messages.kind import Call, Kind, post_json
from paramedic_core.settings import Channel, Told

_LONGEST = 3800
"""Bytes of UTF-8: above 4096 ntfy makes an attachment of it (https://docs.ntfy.sh/publish/#limitations)."""
_LOOK = {
    Told.GAVE_UP: (5, "sos"),
    Told.FAILED: (4, "warning"),
    Told.REFUSED: (3, "raised_hand"),
    Told.HEALED: (2, "white_check_mark"),
}
"""Reason → priority (https://docs.ntfy.sh/publish/#message-priority) and the tag that becomes an emoji."""


class Ntfy(Kind):
    """Published as JSON (https://docs.ntfy.sh/publish/#publish-as-json): title, priority, tags, and a click that leads to the page."""

    name: ClassVar[str] = "ntfy"

    def call(self, channel: Channel, delivery: Delivery) -> Call:
        server, _, topic = urlsplit(channel.url).path.rstrip("/").rpartition("/")
        priority, tag = _LOOK[delivery.reason]
        body: dict[str, Any] = {
            "topic": unquote(topic),
            "title": delivery.title,
            "message": _fitting(delivery.text),
            "priority": priority,
            "tags": [tag],
            # A second copy of the same delivery takes the first one's place on the phone (ntfy 2.16 and later).
            "sequence_id": delivery.id,
        }
        if delivery.link:
            body["click"] = delivery.link
        parts = urlsplit(channel.url)
        return post_json(channel, f"{parts.scheme}://{parts.netloc}{server}/", body)


def _fitting(text: str) -> str:
    data = text.encode()
    return text if len(data) <= _LONGEST else f"{data[:_LONGEST].decode(errors='ignore')}…"
