"""The sign of life: given while all is really well, and only then; its failures are shown and harm nothing."""

from dataclasses import replace

import pytest

from paramedic_core.settings import HeartbeatSettings, Secret
from paramedic_core.world import Engine, EngineStatus
from support_hub import stand
from support_receivers import receiver
from support_wait import wait_until


@pytest.fixture
def beating(monkeypatch):
    """A hub with a heartbeat each second, and who hears it."""
    with receiver() as ear, stand(heartbeat=HeartbeatSettings(Secret(f"{ear.url}/ping/secret-id"), 1.0)) as found:
        found.wait_known()
        yield found, ear


def heartbeat(found):
    return found.client.get("/api/v1/notifications").get_json()["heartbeat"]


def test_it_is_called_while_all_is_well(beating):
    found, ear = beating
    ear.wait(2, 15)
    assert {(call.method, call.path, call.body) for call in ear.got} == {("GET", "/ping/secret-id", b"")}
    wait_until(lambda: heartbeat(found)["sent_total"] >= 2)
    shown = heartbeat(found)
    assert (shown["state"], shown["place"], shown["interval_seconds"]) == ("well", ear.url, 1.0)
    assert shown["last_sent_at"]


@pytest.mark.parametrize("role", ["healer", "runtime"])
def test_silence_when_a_role_is_away(beating, role):
    found, ear = beating
    ear.wait(1, 15)
    found.house.stop(role)
    # One may have been held back at the start, before all was known; and one that is under way may be given yet.
    before = heartbeat(found)["withheld_total"]
    wait_until(lambda: heartbeat(found)["withheld_total"] >= before + 1)
    heard = len(ear.got)
    withheld = heartbeat(found)["withheld_total"]
    wait_until(lambda: heartbeat(found)["withheld_total"] >= withheld + 2)
    assert len(ear.got) == heard
    assert f"the role {role} does not answer" in heartbeat(found)["last_error"]


def test_silence_when_the_engine_is_away(beating):
    found, ear = beating
    ear.wait(1, 15)
    found.house.update(engine=Engine(EngineStatus.AWAY, reason="connection refused"))
    wait_until(lambda: "the engine is away: connection refused" in heartbeat(found)["last_error"])
    found.house.update(engine=replace(found.house.world.engine, status=EngineStatus.CONNECTED))
    wait_until(lambda: heartbeat(found)["state"] == "well")


def test_one_that_does_not_get_through_is_counted_and_harms_nothing(beating):
    found, ear = beating
    ear.answers = [500]
    wait_until(lambda: heartbeat(found)["failures_total"] >= 2)
    shown = heartbeat(found)
    assert (shown["state"], "500" in shown["last_error"]) == ("failing", True)
    assert "secret-id" not in str(shown)
    assert found.hub.heartbeat.ready().ready
    ear.answers = [200]
    wait_until(lambda: heartbeat(found)["state"] == "well")
