"""Who each role is, and what its uid can and cannot reach. Real processes, real uids."""

import os
import stat
from pathlib import Path

import pytest

from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import GID, UIDS
from support_supervisor import ROLES, Running, as_uid, connect, short_folder

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
STRANGER = 59999
NET_BIND, DAC_OVERRIDE, DAC_READ = 1 << 10, 1 << 1, 1 << 2


@pytest.fixture(scope="module")
def running():
    with short_folder() as folder, Running(folder, env={"PM_TEST_SECRET": "hush"}) as supervisor:
        yield supervisor.start()


@pytest.mark.parametrize("role", ROLES)
def test_uid_gid_groups_and_capabilities(running, role):
    me = running.whoami(role)
    assert me["Uid"].split() == [str(UIDS[role])] * 4
    assert me["Gid"].split() == [str(GID)] * 4
    assert me["Groups"] == ""
    assert me["NoNewPrivs"] == "1"
    kept = {"runtime": DAC_OVERRIDE, "dns": NET_BIND, "logs": DAC_READ}.get(role, 0)
    assert {k: int(me[k], 16) for k in ("CapPrm", "CapEff", "CapBnd")} == dict.fromkeys(
        ("CapPrm", "CapEff", "CapBnd"), kept
    )
    assert int(me["CapInh"], 16) == int(me["CapAmb"], 16) == 0
    assert int(me["SigBlk"], 16) == 0


@pytest.mark.parametrize("role", ROLES)
def test_the_kernel_shows_the_same_from_outside(running, role):
    pid = running.pids()[role]
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    lines = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert lines["Uid"].split()[0] == str(UIDS[role])
    assert lines["PPid"] == str(running.process.pid)
    assert Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0 ") == f"paramedic: {role}"
    assert (running.data / "run" / f"{role}.pid").read_text() == f"{pid}\n"


def test_only_hub_and_logs_are_nice(running):
    assert {role: running.whoami(role)["nice"] for role in ROLES} == {
        role: min(19, os.nice(0) + (10 if role in ("hub", "logs") else 0)) for role in ROLES
    }


@pytest.mark.parametrize("role", ROLES)
def test_nothing_of_the_supervisor_is_inherited(running, role):
    """Only the standard three, its own sockets and what its own server holds: no lock, no pipe of another role."""
    open_files = [
        os.readlink(f"/proc/{running.pids()[role]}/fd/{n}") for n in os.listdir(f"/proc/{running.pids()[role]}/fd")
    ]
    assert not [f for f in open_files if "supervisor" in f or "eventpoll" in f]
    assert len([f for f in open_files if f.startswith("pipe:")]) <= 1  # where it told that it is ready


@pytest.mark.parametrize("role", ROLES)
def test_sockets_belong_to_the_role_and_open_to_the_group(running, role):
    found = (running.data / "run" / f"{role}.sock").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (UIDS[role], GID, 0o660)


@pytest.mark.parametrize(
    ("name", "uid", "mode"),
    [
        ("run", 0, 0o750),
        ("runtime", 0, 0o700),
        ("healer", UIDS["healer"], 0o700),
        ("dns", UIDS["dns"], 0o700),
        ("hub", UIDS["hub"], 0o700),
        ("tokens.json", 0, 0o640),
        (".", 0, 0o750),
    ],
)
def test_folders(running, name, uid, mode):
    found = (running.data / name).stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, GID, mode)


def test_the_first_admin_token_is_roots_alone(running):
    kept = running.data / "admin-token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.stat().st_uid == 0
    assert kept.read_text().startswith("paramedic_")
    assert kept.read_text().strip() not in (running.data / "tokens.json").read_text()
    assert kept.read_text().strip() not in running.lines()


@pytest.mark.parametrize("role", ["collector", "healer", "hub"])
def test_other_roles_cannot_reach_what_is_not_theirs(running, role):
    secret = running.data / "runtime" / "acts.db"
    secret.write_text("act")
    uid, data, pids = UIDS[role], running.data, running.pids()
    assert as_uid(uid, GID, lambda: os.listdir(data / "runtime")) == "PermissionError"
    assert as_uid(uid, GID, secret.read_text) == "PermissionError"
    assert as_uid(uid, GID, (data / "admin-token").read_text) == "PermissionError"
    assert as_uid(uid, GID, lambda: (data / "run" / "x").write_text("x")) == "PermissionError"
    assert as_uid(uid, GID, lambda: (data / "tokens.json").write_text("x")) == "PermissionError"
    assert as_uid(uid, GID, (data / "run" / "runtime.sock").unlink) == "PermissionError"
    assert as_uid(uid, GID, lambda: os.kill(pids["runtime"], 0)) == "PermissionError"
    assert as_uid(uid, GID, (data / "tokens.json").read_text) == "ok"
    for other in {"healer", "hub"} - {role}:
        assert as_uid(uid, GID, lambda name=other: os.listdir(data / name)) == "PermissionError"


@pytest.mark.parametrize("role", ["collector", "healer", "hub"])
def test_the_environment_and_memory_of_other_roles_are_closed(running, role):
    for other, pid in {**running.pids(), "supervisor": running.process.pid}.items():
        if other == role:
            continue
        for file in ("environ", "mem", "maps"):
            got = as_uid(UIDS[role], GID, Path(f"/proc/{pid}/{file}").read_bytes)
            assert got == "PermissionError", (other, file)


def test_roles_reach_each_other_and_a_stranger_reaches_none(running):
    for role in ROLES:
        path = running.data / "run" / f"{role}.sock"
        assert as_uid(UIDS["hub"], GID, connect(path)) == "ok"
        assert as_uid(STRANGER, STRANGER, connect(path)) == "PermissionError"


def test_standard_paths_answer(running):
    for role in ROLES:
        client = RoleClient(running.data / "run" / f"{role}.sock", role)
        assert client.get("/-/ready")["ready"] is True
        assert client.get("/-/healthy")["healthy"] is True
        assert client.text("/metrics") == ""
