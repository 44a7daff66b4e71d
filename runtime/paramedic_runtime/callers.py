"""Who is calling, by the kernel's word (SO_PEERCRED) and, for grants and thawing, by an admin token."""

from __future__ import annotations

import os

from paramedic_core.errors import Refused
from paramedic_core.sys.identity import UIDS, uid_of
from paramedic_core.sys.server import Request
from paramedic_core.sys.tokens import TokenStore

_NAMES = {uid: role for role, uid in UIDS.items() if uid}


def healer(request: Request) -> str:
    """The caller's name, if it is the healer.

    Raises:
        Refused: `not_healer`. Root, too, has to go through the healer's gates.
    """
    peer, want = request.peer, uid_of("healer")
    if peer is None or peer.uid != want:
        who = "a caller over TCP" if peer is None else f"uid {peer.uid}"
        raise Refused("not_healer", f"only the healer (uid {want}) may use a verb, and this is {who}")
    return name(request)


def owner(request: Request, tokens: TokenStore) -> str:
    """The caller's name, if it is local root (or, without separation, whoever runs paramedic) or has an admin token.

    Raises:
        Refused: `not_admin`.
        Temporary: the file of tokens is damaged.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if text and scheme.lower() == "bearer":
        # A caller that shows a token is judged by it alone: the hub hands on what a person gave it.
        token = tokens.check(text.strip())
        if token is not None and token.allows("admin"):
            return f"token {token.name}"
        raise Refused("not_admin", "this token is not an admin's: `paramedic token create --role admin` makes one")
    if request.peer is not None and request.peer.uid in (0, os.geteuid()):
        if request.peer.pid:
            return name(request)
        # The kernel gives no process id for a caller of another pid namespace: root of the other roles' container.
        raise Refused("not_admin", "root counts in runtime's own container only: call it there, or with an admin token")
    raise Refused("not_admin", "this needs root on this host, or an admin token")


def name(request: Request) -> str:
    """The caller as records name it: a role, `root`, or a uid."""
    if request.peer is None:
        return "tcp"
    if request.peer.uid == 0:
        return "root"
    return _NAMES.get(request.peer.uid, f"uid {request.peer.uid}")
