"""The three paths that every role has."""

import json

from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.role import Role, standard_routes
from paramedic_core.sys.server import Request, Response


class Part:
    def __init__(self, name, reason=""):
        self.name, self.reason = name, reason

    def ready(self):
        return Readiness(not self.reason, self.reason)

    def healthy(self):
        return Readiness(ready=True)


def ask(role, path):
    response = standard_routes(role)[f"GET {path}"](Request("GET", path))
    return response.status, response.body


def test_ready_names_the_part_that_is_not():
    status, body = ask(Role("hub", [Part("disk", "full"), Part("net")]), "/-/ready")
    assert status == 503
    assert json.loads(body) == {
        "role": "hub",
        "ready": False,
        "parts": {"disk": {"ready": False, "reason": "full"}, "net": {"ready": True, "reason": ""}},
    }


def test_alive_though_not_ready():
    assert ask(Role("hub", [Part("disk", "full")]), "/-/healthy")[0] == 200
    assert ask(Role("hub", []), "/-/ready")[0] == 200


def test_metrics_and_a_roles_own():
    assert ask(Role("hub", [], metrics=lambda: "a 1\n"), "/metrics") == (200, b"a 1\n")
    own = {"GET /metrics": lambda _: Response(b"mine"), "GET /x": lambda _: Response(b"x")}
    assert ask(Role("hub", [], routes=own), "/metrics")[1] == b"mine"
    assert ask(Role("hub", [], routes=own), "/x")[1] == b"x"
