"""The whole role, with its threads, on an engine in memory and on one that is not there."""

import gc
import os

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.codec import from_plain
from paramedic_core.errors import EngineAway, Refused
from paramedic_core.settings import RuntimeSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_core.world import World
from paramedic_runtime import callers
from paramedic_runtime.role import build
from support_wait import wait_until


@pytest.fixture
def serve(tmp_path, monkeypatch):
    monkeypatch.setattr(callers, "uid_of", lambda _role: os.geteuid())
    made = []

    def serve(engine):
        settings = Settings(runtime=RuntimeSettings(engine=engine))
        role = build(settings, tmp_path, "h1", SystemClock())
        server = RoleServer(standard_routes(role), [unix_listener(tmp_path / "s")])
        for component in role.components:
            component.start()
        server.start()
        made.append((role, server))
        return role, RoleClient(tmp_path / "s", "runtime")

    yield serve
    for role, server in made:
        server.stop()
        for component in reversed(role.components):
            component.stop()
            component.stop()
    made.clear()
    gc.collect()


def world(client: RoleClient) -> World:
    return from_plain(World, client.get("/world")["world"])


def test_it_becomes_ready_and_notices_freeze(serve, tmp_path):
    role, client = serve("memory:")
    wait_until(lambda: all(c.ready().ready for c in role.components))
    assert client.get("/-/ready")["ready"]
    assert client.get("/-/healthy")["healthy"]
    assert world(client).hands.ready
    (tmp_path / "FREEZE").touch()
    wait_until(lambda: world(client).hands.frozen, within=20)
    assert "frozen" in client.get("/-/ready")["parts"]["hands"]["reason"]
    body = {"target": "a" * 64, "key": "k", "expected": {"state": "running", "started_at": 1}}
    with pytest.raises(Refused):
        client.post("/verbs/restart", body)
    assert client.post("/freeze", {"on": False})["on"] is False
    # Told at once, not at the next look.
    assert not world(client).hands.frozen
    text = client.text("/metrics")
    for line in ("paramedic_engine_connected 1", 'paramedic_acts_refused_total{code="frozen"} 1', "paramedic_frozen 0"):
        assert line in text
    assert (tmp_path / "runtime").stat().st_mode & 0o777 == 0o700


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker-py leaves one that could not connect
def test_an_engine_that_is_not_there_is_a_state(serve, tmp_path):
    role, client = serve(f"unix://{tmp_path}/none.sock")
    wait_until(lambda: "none.sock" in world(client).engine.reason)
    assert not next(c for c in role.components if c.name == "watch").ready().ready
    assert client.get("/-/healthy")["healthy"]
    assert world(client).hands.ready
    body = {"target": "a" * 64, "key": "k", "expected": {"state": "running", "started_at": 1}}
    with pytest.raises(EngineAway):
        client.post("/verbs/restart", body)
    assert client.get("/acts")["acts"] == []


def test_the_stream_tells_hands_and_grants(serve, tmp_path):
    _, client = serve("memory:")
    wait_until(lambda: world(client).engine.connected)
    stream = client.stream("/world/stream")
    assert "world" in next(stream)
    (tmp_path / "FREEZE").touch()
    changes = (m["change"] for m in stream if "change" in m)
    assert next(c for c in changes if c.get("hands"))["hands"]["frozen"] is True
    stream.close()
