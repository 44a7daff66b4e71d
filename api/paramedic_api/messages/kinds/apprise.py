"""A message to an Apprise API server."""

from __future__ import annotations

from typing import ClassVar

from paramedic_api.messages.item import Delivery
from paramedic_api.messages.kind import Call, Kind, post_json
from paramedic_core.settings import Channel, Told

_TYPES = {Told.GAVE_UP: "failure", Told.FAILED: "failure", Told.REFUSED: "warning", Told.HEALED: "success"}


class Apprise(Kind):
    """Title, body and type (https://github.com/caronc/apprise-api), which that server hands on to what it knows."""

    name: ClassVar[str] = "apprise"

    def call(self, channel: Channel, delivery: Delivery) -> Call:
        body = "\n".join(part for part in (delivery.text, delivery.link) if part)
        sent = {"title": delivery.title, "body": body, "type": _TYPES[delivery.reason]}
        return post_json(channel, channel.url, sent, {"Idempotency-Key": delivery.id})
