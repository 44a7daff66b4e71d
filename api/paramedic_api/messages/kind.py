"""Kind: how a delivery becomes one HTTP request. Pure; the edge sends it."""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from paramedic_api.messages.item import Delivery
from paramedic_core.settings import Channel


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""
    timeout: float = 10.0
    """Seconds for all of it."""


class Kind(ABC):
    """One kind of channel.

    A new kind is one module in `kinds/` with one subclass: a `name` (and the same word in `Channel.kind` of
    `paramedic_core.settings`), a docstring whose first line is its help, and `call`.
    """

    name: ClassVar[str]

    @abstractmethod
    def call(self, channel: Channel, delivery: Delivery) -> Call:
        """The request that brings `delivery` to `channel`."""


def post_json(channel: Channel, url: str, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Call:
    """A POST of a JSON object, with the channel's token or the user that its URL names."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    parts = urlsplit(channel.url)
    if channel.token:
        sent["Authorization"] = f"Bearer {channel.token}"
    elif parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Call("POST", url, sent, json.dumps(value).encode(), channel.timeout)
