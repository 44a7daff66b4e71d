"""Stand-in roles on real sockets, for tests of the hub: what they serve is plain data that a test may change."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from paramedic_core.codec import to_plain
from paramedic_core.errors import NotFound, Refused
from paramedic_core.model import Container
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import Request, Response, RoleServer, json_response, unix_listener
from paramedic_core.sys.tokens import TokenStore
from paramedic_core.world import World


class House:
    """Runtime, healer and collector of one data directory, each started and stopped alone.

    Args:
        data: the data directory; its path is short enough for sockets.
        world: what runtime knows.
    """

    def __init__(self, data: Path, world: World) -> None:
        self.data, self.world = data, world
        self.incidents: list[dict[str, Any]] = []
        self.plan: list[dict[str, Any]] = []
        self.modes: dict[str, dict[str, Any]] = {}
        self.records: list[dict[str, Any]] = []
        self.metrics: Callable[[], str] = str
        self.grants: list[dict[str, Any]] = []
        self.wishes: list[dict[str, Any]] = []
        self.frozen: list[dict[str, Any]] = []
        self.seen_headers: list[dict[str, str]] = []
        self.tokens = TokenStore(data / "tokens.json")
        self._changed = threading.Condition()
        self._servers: dict[str, RoleServer] = {}
        (data / "run").mkdir(parents=True, exist_ok=True)

    def start(self, *roles: str) -> None:
        """Start some roles; all when none is named."""
        for role in roles or ("runtime", "healer", "collector"):
            routes = getattr(self, f"_{role}_routes")()
            server = RoleServer(routes, [unix_listener(socket_path(self.data, role))])
            server.start()
            self._servers[role] = server

    def stop(self, *roles: str) -> None:
        """Stop some roles; all when none is named."""
        for role in roles or tuple(self._servers):
            server = self._servers.pop(role)
            server.stop()
            with self._changed:
                self._changed.notify_all()

    def change(self, container: Container) -> None:
        """Runtime learns of a new or changed container."""
        with self._changed:
            containers = {**self.world.containers, container.id: container}
            self.world = replace(self.world, version=self.world.version + 1, containers=containers, at=time.time())
            self._changed.notify_all()

    def update(self, **fields: Any) -> None:
        """Runtime learns of something else."""
        with self._changed:
            self.world = replace(self.world, version=self.world.version + 1, **fields)
            self._changed.notify_all()

    def record(self, **fields: Any) -> None:
        """The healer's journal grows by a record."""
        with self._changed:
            self.records.append({"seq": len(self.records) + 1, "at": time.time(), "host": self.world.host, **fields})
            self._changed.notify_all()

    def _runtime_routes(self) -> dict[str, Any]:
        return {
            "GET /-/ready": lambda _r: json_response({"ready": True, "parts": {}}),
            "GET /world": lambda _r: json_response({"world": to_plain(self.world)}),
            "GET /world/stream": lambda _r: Response(self._world_lines("runtime")),
            "POST /grants": self._grant,
            "POST /freeze": self._freeze,
        }

    def _collector_routes(self) -> dict[str, Any]:
        return {"GET /metrics": lambda _r: Response(self.metrics().encode(), content_type="text/plain")}

    def _healer_routes(self) -> dict[str, Any]:
        return {
            "GET /-/ready": lambda _r: json_response({"ready": True, "parts": {}}),
            "GET /incidents": lambda _r: json_response({"incidents": self.incidents}),
            "GET /incidents/{id}": self._incident,
            "GET /plan": lambda _r: json_response({"plan": self.plan}),
            "GET /modes": lambda _r: json_response({"services": self.modes}),
            "GET /decisions": self._decisions,
            "GET /journal": self._journal,
            "GET /journal/stream": lambda r: Response(self._journal_lines(int(r.query.get("after", "0")))),
            "POST /actions": self._act,
        }

    def _running(self, role: str) -> bool:
        server = self._servers.get(role)
        return server is not None and not server.stopping.is_set()

    def _world_lines(self, role: str) -> Iterator[bytes]:
        sent = self.world
        yield _line({"world": to_plain(sent)})
        while self._running(role):
            with self._changed:
                if self.world is sent:
                    self._changed.wait(0.5)
                quiet, sent = self.world is sent, self.world
            # A whole World each time: the feed takes one at any moment, and the codec of changes has its own tests.
            yield _line({"beat": time.time()} if quiet else {"world": to_plain(sent)})

    def _journal_lines(self, after: int) -> Iterator[bytes]:
        yield _line({"beat": time.time()})
        while self._running("healer"):
            with self._changed:
                if len(self.records) <= after:
                    self._changed.wait(0.5)
                new = self.records[after:]
            after += len(new)
            for record in new:
                yield _line(record)
            yield _line({"beat": time.time()})

    def _incident(self, request: Request) -> Response:
        wanted = request.params["id"]
        known = [i for i in self.incidents if i["id"] == wanted]
        if not known:
            raise NotFound(f"there is no incident {wanted}")
        return json_response({"incident": known[0], "records": [r for r in self.records if r["incident"] == wanted]})

    def _decisions(self, request: Request) -> Response:
        before, limit = int(request.query["after"]), int(request.query["limit"])
        found = [r for r in reversed(self.records) if r["kind"] == "decision" and (not before or r["seq"] < before)]
        return json_response({"decisions": found[:limit]})

    def _journal(self, request: Request) -> Response:
        after, limit = int(request.query.get("after", "0")), int(request.query["limit"])
        found = [r for r in self.records if r["seq"] > after]
        return json_response({"records": found[::-1][:limit] if "newest" in request.query else found[:limit]})

    def _act(self, request: Request) -> Response:
        self.wishes.append(request.json())
        return json_response(
            {"decision": "do", "action": "restart", "gate": "", "reason": "as asked", "mode": "enforce"}
        )

    def _grant(self, request: Request) -> Response:
        self.seen_headers.append(dict(request.headers))
        text = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = self.tokens.check(text)
        if token is None or not token.allows("admin"):
            raise Refused("not_admin", "a grant needs an admin token")
        body = request.json()
        self.grants.append(body)
        return json_response({"grants": {}})

    def _freeze(self, request: Request) -> Response:
        self.frozen.append(request.json())
        self.update(hands=replace(self.world.hands, frozen=bool(request.json()["on"])))
        return json_response({"frozen": request.json()["on"]})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
