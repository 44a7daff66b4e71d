"""Names as text and on the wire, and how foreign names become labels (RFC 1035 2.3.1, RFC 1123 2.1).

A name's key is its wire form in lower case: length bytes and labels, ended by a zero. It needs no escaping (a dot inside a
label is no separator), and lowering it touches letters only, since length bytes end at 63 and letters begin at 65.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re

MOST_LABEL = 63
MOST_NAME = 255
_STRANGE = re.compile(r"[^a-z0-9_-]")
_ESCAPED = re.compile(rb"[^A-Za-z0-9_*/+-]")


def label(text: str) -> str:
    """A foreign name as one label: lower case, letters, digits and hyphens; what else there is becomes a hyphen.

    The same text always gives the same label. One longer than 63 is cut and ends in six digits of its hash; one of which
    nothing is left is `x-` with the hash.
    """
    return _fit(_STRANGE.sub("-", text.lower()).replace("_", "-").strip("-"), text)


def spellings(text: str) -> tuple[str, ...]:
    """The labels that `text` answers to: `label(text)` first, then with its underscores as they are, if it has any."""
    plain = label(text)
    kept = _fit(_STRANGE.sub("-", text.lower()).strip("-"), text)
    return (plain,) if kept == plain else (plain, kept)


def wire(name: str) -> bytes:
    """The key of a name of well-formed labels, with or without its final dot.

    Raises:
        ValueError: a label or the whole is empty or too long.
    """
    out = bytearray()
    for part in name.rstrip(".").split(".") if name.rstrip(".") else ():
        raw = part.encode("ascii", "strict").lower()
        if not 0 < len(raw) <= MOST_LABEL:
            raise ValueError(f"{name!r} has a label of {len(raw)} bytes: 1 to {MOST_LABEL} are possible")
        out += bytes((len(raw),)) + raw
    out.append(0)
    if len(out) > MOST_NAME:
        raise ValueError(f"{name!r} is longer than {MOST_NAME} bytes")
    return bytes(out)


def parent(key: bytes) -> bytes:
    """The name without its first label; the root's is the root."""
    return key[1 + key[0] :] if key[0] else key


def below(key: bytes, zone: bytes) -> bool:
    """Whether `key` is `zone` or lies below it."""
    if not key.endswith(zone):
        return False
    start, end = 0, len(key) - len(zone)
    while start < end:
        start += 1 + key[start]
    return start == end


def text(key: bytes) -> str:
    r"""A name for people, with its final dot; foreign bytes as `\DDD` (RFC 1035 5.1)."""
    parts = []
    while key and key[0]:
        raw = key[1 : 1 + key[0]]
        parts.append(_ESCAPED.sub(lambda m: b"\\%03d" % m[0][0], raw).decode("ascii"))
        key = parent(key)
    return ".".join(parts) + "."


def reverse(address: str) -> bytes:
    """The key under which the PTR record of an address stands (RFC 1035 3.5, RFC 3596 2.5).

    Raises:
        ValueError: it is no address.
    """
    return wire(ipaddress.ip_address(address).reverse_pointer)


def address_of(key: bytes) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a name below in-addr.arpa stands for; None when it is none."""
    if not key.endswith(_REVERSE):
        return None
    parts = text(key).removesuffix(".in-addr.arpa.").split(".")
    if len(parts) != 4 or not all(p.isdigit() and len(p) <= 3 for p in parts):
        return None
    try:
        return ipaddress.IPv4Address(".".join(str(int(p)) for p in reversed(parts)))
    except ValueError:
        return None


def _fit(clean: str, original: str) -> str:
    digest = hashlib.sha256(original.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    if not clean:
        return f"x-{digest}"
    return clean if len(clean) <= MOST_LABEL else f"{clean[: MOST_LABEL - 7].rstrip('-_')}-{digest}"


_REVERSE = wire("in-addr.arpa")
