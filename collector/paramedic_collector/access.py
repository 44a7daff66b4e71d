"""Who may read the collector over TCP."""

from __future__ import annotations

import hmac
import ipaddress
import json

from paramedic_core.problems import CONTENT_TYPE as PROBLEM
from paramedic_core.problems import problem
from paramedic_core.settings import CollectorSettings
from paramedic_core.sys.server import Handler, Request, Response
from paramedic_core.sys.tokens import TokenStore


class Access:
    """Lets a request in, or says what it lacks.

    Args:
        settings: where it listens, and its own token.
        tokens: those that `paramedic token` made; viewer or above may read.
    """

    def __init__(self, settings: CollectorSettings, tokens: TokenStore) -> None:
        self._token, self._tokens = str(settings.token), tokens
        self._needed = bool(settings.token) or (bool(settings.listen) and not _on_loopback(settings.listen))

    def guarded(self, handler: Handler) -> Handler:
        """The handler for those who may; its own unix socket has the rights of its file."""

        def guard(request: Request) -> Response:
            if self._needed and request.peer is None and not self._may(request):
                return _no_token()
            return handler(request)

        return guard

    def _may(self, request: Request) -> bool:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        given = text.strip()
        if self._token and hmac.compare_digest(given.encode(), self._token.encode()):
            return True
        token = self._tokens.check(given)
        return token is not None and token.allows("viewer")


def _on_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_token() -> Response:
    text = "this needs `Authorization: Bearer TOKEN`: collector.token, or a token of the role viewer or above"
    answer = json.dumps(problem(401, "no_token", "A token is needed", text)).encode()
    return Response(answer, 401, PROBLEM, {"WWW-Authenticate": "Bearer"})
