"""Small stand-in roles for the command line's tests: core's own server on DATA/run/ROLE.sock with answers made up here."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field, replace

from paramedic.cli import main
from paramedic.roles import SPECS
from paramedic_core.codec import to_plain
from paramedic_core.errors import NotFound, Refused
from paramedic_core.model import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    Container,
    EndedBy,
    Ending,
    Health,
    HealthCheck,
    State,
)
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import Response, RoleServer, json_response, unix_listener
from paramedic_core.world import Engine, EngineStatus, Hands, World

ROLES = tuple(spec.name for spec in SPECS)


def container(name, **more):
    """A container of the project `shop`; its id is made of its name."""
    number = f"{abs(hash(name)):x}"
    labels = {COMPOSE_PROJECT: "shop", COMPOSE_SERVICE: name} | more.pop("labels", {})
    made = Container(
        id=(number * 8)[:64], name=name, state=State.RUNNING, image=f"{name}:1", started_at=time.time() - 300
    )
    return replace(made, labels=labels, **more)


def world(*containers, **more):
    """A World of an engine that answers."""
    made = World(
        host="0123456789ab",
        epoch="e",
        version=1,
        at=time.time(),
        engine=Engine(
            EngineStatus.CONNECTED,
            version="20.10.24",
            api_version="1.41",
            address="unix:///x/docker.sock",
            cgroup_version="2",
            cgroup_driver="systemd",
            root_dir="/",
        ),
        hands=Hands(ready=True, reason="", separated=True),
        containers={c.id: c for c in containers},
    )
    return replace(made, **more)


def sick(name, **more):
    """A container whose health check fails."""
    check = HealthCheck(interval=10, retries=3)
    return container(
        name, health=Health.UNHEALTHY, health_since=time.time() - 60, failing_streak=4, health_check=check, **more
    )


def crashed(name, **more):
    """A container that ended by itself."""
    at = time.time() - 30
    ending = Ending(at, EndedBy.NOBODY)
    return container(name, state=State.EXITED, finished_at=at, exit_code=3, ending=ending, **more)


def plan_row(of, **more):
    """A line of the healer's plan."""
    row = {
        "target": of.id,
        "name": of.name,
        "service": of.service_key,
        "cause": "unhealthy",
        "text": "its health check fails since 60 s",
        "action": "restart",
        "would": True,
        "decision": "refuse",
        "gate": "mode",
        "reason": "it is only observed",
        "allow": f"`paramedic heal enable {of.service_key}`",
        "until": None,
    }
    return row | more


def record(seq, kind, name="web", **more):
    """A record of the healer's journal."""
    return {"seq": seq, "at": time.time() - 100 + seq, "kind": kind, "host": "h", "incident": "i", "name": name} | more


@dataclass
class Stage:
    """A data directory with roles that answer what stands here."""

    data: object
    world: World = field(default_factory=world)
    plan: list = field(default_factory=list)
    note: str = ""
    """What the plan does not know."""
    modes: dict = field(default_factory=dict)
    named: list = field(default_factory=list)
    incidents: list = field(default_factory=list)
    records: list = field(default_factory=list)
    later: list = field(default_factory=list)
    """Records that a follower hears of."""
    posted: list = field(default_factory=list)
    unready: dict = field(default_factory=dict)
    """Role → reason."""
    unknown_service: bool = False
    refuse: bool = False
    servers: dict = field(default_factory=dict)

    def up(self, *roles):
        """Start roles; all of them without any."""
        (self.data / "run").mkdir(exist_ok=True)
        for role in roles or ROLES:
            listener = unix_listener(socket_path(self.data, role))
            routes = {"GET /-/ready": self._verdict(role), "GET /-/healthy": self._verdict(role), **self._routes(role)}
            self.servers[role] = RoleServer(routes, [listener])
            self.servers[role].start()
            (self.data / "run" / f"{role}.pid").write_text(f"{os.getpid()}\n")
        report = {"pid": os.getpid(), "roles": {role: {"restarts": 0} for role in ROLES}}
        (self.data / "run" / "supervisor.json").write_text(json.dumps(report))
        return self

    def down(self, *roles):
        """Stop roles, and leave their sockets behind as a kill does."""
        for role in roles or list(self.servers):
            self.servers.pop(role).stop()
            (self.data / "run" / f"{role}.pid").unlink()
        if not self.servers:
            (self.data / "run" / "supervisor.json").unlink(missing_ok=True)

    def _verdict(self, role):
        def verdict(_request):
            reason = self.unready.get(role, "")
            parts = {"part": {"ready": not reason, "reason": reason}}
            return json_response({"role": role, "parts": parts}, 503 if reason else 200)

        return verdict

    def _routes(self, role):
        healer = {
            "GET /plan": lambda _: json_response({"plan": self.plan, **({"note": self.note} if self.note else {})}),
            "GET /modes": lambda _: json_response({"services": self.modes, "named": self.named}),
            "GET /incidents": lambda _: json_response({"incidents": self.incidents}),
            "GET /journal": self._journal,
            "GET /journal/stream": self._follow,
        }
        runtime = {
            "GET /world": lambda _: json_response({"world": to_plain(self.world)}),
            "POST /grants": self._grant,
            "POST /freeze": self._post,
        }
        return {"healer": healer, "runtime": runtime}.get(role, {})

    def _journal(self, request):
        wanted = request.query.get("target", "")
        after = int(request.query.get("after", "0"))
        found = [r for r in self.records if (not wanted or r["name"] == wanted) and r["seq"] > after]
        if request.query.get("newest"):
            found.reverse()
        return json_response({"records": found[: int(request.query["limit"])]})

    def _follow(self, request):
        after = int(request.query["after"])
        lines = [{"beat": 1.0}, *(r for r in self.later if r["seq"] > after)]
        return Response(iter([json.dumps(line).encode() + b"\n" for line in lines]))

    def _post(self, request):
        if self.refuse:
            raise Refused("not_owner", "only local root, or an admin token, may do this")
        self.posted.append((request.path, request.json(), dict(request.headers)))
        return json_response({"on": request.json().get("on")})

    def _grant(self, request):
        if self.unknown_service:
            raise NotFound("there is no service or container 'wbe' on this host: did you mean web?")
        self._post(request)
        body = request.json()
        return json_response({"service": f"shop/{body['service']}", "mode": body["mode"], "by": "root"})


@dataclass
class Answer:
    """What a command left."""

    status: int
    out: str
    err: str


def call(capsys, *argv):
    """Run a command in this process."""
    capsys.readouterr()
    status = main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return Answer(status, out, err)
