"""What the runtime role answers on its socket, besides World. Verbs open to the healer alone; see `callers`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from paramedic_core.errors import BadInput, NotFound
from paramedic_core.settings import Mode
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_core.sys.tokens import TokenStore
from paramedic_runtime import callers, grants
from paramedic_runtime.acts import Acts
from paramedic_runtime.freeze import Freeze
from paramedic_runtime.grants import Grants
from paramedic_runtime.verbs import Verbs, Worlds
from paramedic_runtime.wish import VERBS, read_wish

log = logging.getLogger("paramedic.routes")


class Desk:
    """Takes requests and hands them on.

    Args:
        worlds: the World.
        verbs: the hands.
        acts: the record.
        grants: runtime's own.
        freeze: the FREEZE file.
        tokens: who has an admin token.
        changed: called after a grant or FREEZE changed.
    """

    def __init__(
        self,
        worlds: Worlds,
        verbs: Verbs,
        acts: Acts,
        grants: Grants,
        freeze: Freeze,
        tokens: TokenStore,
        changed: Callable[[], object],
    ) -> None:
        self._worlds, self._verbs, self._acts = worlds, verbs, acts
        self._grants, self._freeze, self._tokens, self._changed = grants, freeze, tokens, changed

    def routes(self) -> Routes:
        """The paths of this role but those of World."""
        return {
            "GET /acts": self._list_acts,
            "GET /acts/{key}": self._one_act,
            **{f"POST /verbs/{verb}": self._verb(verb) for verb in VERBS},
            "GET /grants": self._list_grants,
            "POST /grants": self._grant,
            "GET /freeze": self._frozen,
            "POST /freeze": self._set_freeze,
        }

    def _list_acts(self, request: Request) -> Response:
        acts = self._acts.after(_number(request, "after", 0), _number(request, "limit", 100))
        return json_response({"acts": [act.to_json() for act in acts]})

    def _one_act(self, request: Request) -> Response:
        act = self._acts.find(request.params["key"])
        if act is None:
            raise NotFound(f"there is no act with the key {request.params['key'][:128]!r}")
        return json_response(act.to_json())

    def _verb(self, verb: str) -> Callable[[Request], Response]:
        def handle(request: Request) -> Response:
            by = callers.healer(request)
            return json_response(self._verbs.perform(read_wish(verb, request.json(), by)).to_json())

        return handle

    def _list_grants(self, _request: Request) -> Response:
        return json_response({"grants": {key: asdict(grant) for key, grant in sorted(self._grants.all().items())}})

    def _grant(self, request: Request) -> Response:
        by = callers.owner(request, self._tokens)
        body = request.json()
        name, mode = _text(body, "service"), grants.parse_mode(_text(body, "mode"))
        if not name:
            raise BadInput("`service` says which service, as project/service or a container's name")
        held = self._grants.all()
        service = name if name in held else grants.resolve(name, self._worlds.world)
        if mode is None:
            self._grants.take_back(service)
        elif mode.rank > Mode.OBSERVE.rank and self._is_ours(service):
            raise BadInput(f"{service} is paramedic itself, which it never acts on: nothing was granted")
        else:
            self._grants.give(service, mode, by)
        log.warning("grant for %s: %s, by %s", service, mode or "taken back", by)
        self._changed()
        return json_response({"service": service, "mode": mode.value if mode else "default", "by": by})

    def _is_ours(self, service: str) -> bool:
        members = self._worlds.world.services().get(service, ())
        return bool(members) and all(c.is_self for c in members)

    def _frozen(self, _request: Request) -> Response:
        return json_response({"on": self._freeze.on(), **asdict(self._freeze.note())})

    def _set_freeze(self, request: Request) -> Response:
        body = request.json()
        on, reason, claimed = body.get("on"), _text(body, "reason"), _text(body, "by")
        if not isinstance(on, bool):
            raise BadInput("`on` must be true or false")
        try:
            if on:
                caller = callers.name(request)
                self._freeze.freeze(f"{claimed} ({caller})" if claimed else caller, reason)
            else:
                by = callers.owner(request, self._tokens)
                self._freeze.thaw()
                log.warning("FREEZE taken away by %s: %s", by, reason)
        finally:
            self._changed()
        return self._frozen(request)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or len(text) > 18:
        raise BadInput(f"`{name}` must be a whole number, not {text[:40]!r}")
    return int(text)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > 500:
        raise BadInput(f"`{name}` must be a text of at most 500 characters")
    return value.strip()
