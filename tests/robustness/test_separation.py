"""As the hub's, collector's and healer's uid: no engine, no runtime folder, no Env values, and a verb for the healer alone."""

import os
from pathlib import Path

import pytest

from paramedic_core.sys.identity import GID, UIDS
from support_caller import call_as
from support_paramedic import paramedic
from support_robust import ROLES, quick
from support_supervisor import as_uid, connect

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
SECRET = "hush-this-is-a-password"
BOUND = ("collector", "healer", "hub")


@pytest.fixture(scope="module")
def running(private_engine):
    name = "apart"
    private_engine.run(name, options=("-e", f"DB_PASSWORD={SECRET}", "--label", f"my.api-token={SECRET}"))
    try:
        with paramedic(private_engine.host, roles=ROLES, **quick()) as p:
            p.engine, p.container = private_engine, private_engine.inspect(name)
            yield p
    finally:
        private_engine.remove(name)


@pytest.mark.parametrize("role", BOUND)
def test_the_engines_socket_is_closed(running, role):
    assert as_uid(UIDS[role], GID, connect(running.engine.socket)) == "PermissionError"


@pytest.mark.parametrize("role", BOUND)
def test_runtimes_folder_is_closed(running, role):
    folder = running.data / "runtime"
    assert (folder / "acts.db").exists()
    assert as_uid(UIDS[role], GID, lambda: os.listdir(folder)) == "PermissionError"
    assert as_uid(UIDS[role], GID, (folder / "acts.db").read_bytes) == "PermissionError"


@pytest.mark.parametrize("role", BOUND)
def test_env_values_cannot_be_had(running, role):
    pid = running.container["State"]["Pid"]
    assert SECRET in Path(f"/proc/{pid}/environ").read_text()
    assert as_uid(UIDS[role], GID, Path(f"/proc/{pid}/environ").read_bytes) == "PermissionError"
    world = call_as(UIDS[role], running.data / "run/runtime.sock", "/world")
    assert running.container["Id"] in world["world"]["containers"]
    assert SECRET not in str(world)
    for other in ROLES:
        assert SECRET not in str(call_as(UIDS[role], running.data / f"run/{other}.sock", "/-/ready"))


def test_env_values_are_nowhere_in_the_data_directory_or_the_log(running):
    for file in running.data.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in running.log.read_text()


@pytest.mark.parametrize("uid", [UIDS["collector"], UIDS["hub"], 0])
def test_no_verb_but_for_the_healer(running, uid):
    patient = running.container
    body = {"target": patient["Id"], "key": f"k{uid}", "expected": {"state": "running"}, "incident": "i", "reason": "r"}
    for verb in ("restart", "stop", "start", "kill"):
        answer = call_as(uid, running.data / "run/runtime.sock", f"/verbs/{verb}", body)
        assert answer == "Refused:not_healer"
    assert running.engine.inspect("apart")["State"]["StartedAt"] == patient["State"]["StartedAt"]


def test_a_stranger_reaches_no_role(running):
    for role in ROLES:
        assert as_uid(59999, 59999, connect(running.data / f"run/{role}.sock")) == "PermissionError"
