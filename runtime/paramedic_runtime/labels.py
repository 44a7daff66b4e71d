"""Labels and other words from outside, made harmless: bounded, without control characters, without secrets.

Pure. Whatever stands in an image or a compose file gets here, so nothing about it is taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MOST = 64
LONGEST = 1024
_NAME = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, and what turns the direction of text around."""
_WORDS = re.compile(r"[^a-z0-9]+")
_SECRET = re.compile(
    r"passw|passphrase|passwd|secret|token|apikey|credential|basicauth|digestauth|privatekey|accesskey"
)
_SECRET_WORDS = frozenset({"key", "auth", "pass", "pwd", "dsn", "cookie", "bearer", "sas"})
_HARMLESS = ("com.docker.compose.", "com.docker.swarm.", "com.docker.stack.", "paramedic.", "org.opencontainers.image.")
_WANTED = ("paramedic.", "com.docker.compose.", "com.docker.swarm.", "com.docker.stack.", "autoheal")


def text(value: Any, longest: int = LONGEST) -> str:
    """A foreign string, bounded and without control characters; empty for what is no string."""
    return _CONTROL.sub("�", value[: longest + 1])[:longest] if isinstance(value, str) else ""


def secret(name: str) -> bool:
    """Whether a label's name sounds as if its value were a secret."""
    if name.startswith(_HARMLESS):
        return False
    lowered = name.lower()
    words = _WORDS.split(lowered)
    return bool(_SECRET.search("".join(words))) or not _SECRET_WORDS.isdisjoint(words)


def clean(raw: Any) -> dict[str, str]:
    """Labels as World may hold them: at most 64 of 1 KiB, those that matter to paramedic first, no secret's value."""
    if not isinstance(raw, Mapping):
        return {}
    names = sorted((k for k in raw if isinstance(k, str) and len(k) <= _NAME), key=_rank)
    return {text(k, _NAME): "" if secret(k) else text(raw[k]) for k in names[:MOST]}


def from_image(raw: Any, image: Mapping[str, str] | None) -> tuple[str, ...]:
    """Names of those labels that merely came with the image: same name, same value.

    Args:
        raw: the container's own labels, as the engine says.
        image: the image's; None when it cannot be read: then no label is taken for the user's.
    """
    if not isinstance(raw, Mapping):
        return ()
    kept = clean(raw)
    return tuple(
        sorted(name for name in kept if (image is None and not _engines(name)) or _same(name, raw, image or {}))
    )


def _same(name: str, raw: Mapping[str, Any], image: Mapping[str, str]) -> bool:
    return name in image and raw.get(name) == image[name]


def _engines(name: str) -> bool:
    return name.startswith(("com.docker.compose.", "com.docker.swarm.", "com.docker.stack."))


def _rank(name: str) -> tuple[bool, str]:
    return (not name.startswith(_WANTED), name)
