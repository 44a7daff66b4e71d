"""A JSON object by POST."""

from __future__ import annotations

from typing import Any, ClassVar

from paramedic_api.messages.item import Delivery, Item
from paramedic_api.messages.kind import Call, Kind, post_json
from paramedic_api.times import rfc3339
from paramedic_core.settings import Channel

_LONGEST = 2000
"""Characters that Discord takes in `content`; Slack takes 40,000."""


class Webhook(Kind):
    """Everything as JSON; or nothing but the text under one key, as chat programs and docker-autoheal have it."""

    name: ClassVar[str] = "webhook"

    def call(self, channel: Channel, delivery: Delivery) -> Call:
        headers = {"Idempotency-Key": delivery.id}
        if channel.text_key:
            return post_json(channel, channel.url, {channel.text_key: spoken(delivery)}, headers)
        body = {
            "version": "1",
            "id": delivery.id,
            "node": delivery.node,
            "reason": delivery.reason.value,
            "title": delivery.title,
            "text": delivery.text,
            "url": delivery.link or None,
            "test": delivery.test,
            "items": [_plain(item) for item in delivery.items],
        }
        return post_json(channel, channel.url, body, headers)


def spoken(delivery: Delivery) -> str:
    """Title and text in one, with the link; cut where a chat program would refuse it."""
    text = f"{delivery.title}: {delivery.text}"
    room = _LONGEST - len(delivery.link) - 1
    if len(text) > room:
        text = f"{text[: room - 1]}…"
    return "\n".join(part for part in (text, delivery.link) if part)


def _plain(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "reason": item.reason.value,
        "at": rfc3339(item.at),
        "host": item.host,
        "incident": item.incident,
        "target": item.target,
        "name": item.name,
        "service": item.service,
        "cause": item.cause,
        "text": item.text,
    }
