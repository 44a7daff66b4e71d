"""Addresses to call, as people write them. They are never quoted: whoever knows one can often write to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from paramedic_core.config.units import Wrong
from paramedic_core.settings import Secret

_LONGEST = 2048


def url(value: object) -> Secret:
    """An address to call, `http://…` or `https://…`; empty for none.

    Raises:
        Wrong: it is none.
    """
    text = value.strip() if isinstance(value, str) else None
    if text == "":
        return Secret("")
    if text is None or len(text) > _LONGEST:
        raise Wrong("is no address to call: write it as https://HOST/PATH")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Wrong("holds a character that no URL has: write it percent-encoded")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Wrong("is no URL: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise Wrong("must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise Wrong("names no host: write it as https://HOST/PATH")
    if parts.fragment:
        raise Wrong("has a part behind #, which is never sent: leave it out")
    return Secret(text)
