"""Containers that can be made sick, and what must hold after anything was killed while they were healed."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

from paramedic.roles import SPECS
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient
from support_paramedic import Paramedic
from support_ports import free_port
from support_supervisor import alive, until

ROLES = tuple(spec.name for spec in SPECS)
ROOT = Path(__file__).resolve().parents[2]
# Well at each start, until somebody removes the file. `sleep` as process 1 hears no SIGTERM: a restart takes a second.
_WELL = ("sh", "-c", "touch /tmp/well; exec sleep 100000")
_OPTIONS = (
    "--health-cmd", "test -f /tmp/well", "--health-interval", "0.5s", "--health-retries", "1",
    "--label", "paramedic.heal=true", "--stop-timeout", "1",
)  # fmt: skip


def quick():
    """Settings of a short heal, with ports of the test's own."""
    return {
        "hub__listen": "127.0.0.1:0",
        "collector__listen": "",
        "dns__port": str(free_port()),
        "healer__recovered_after": "0.5s",
        "healer__verified_after": "0.5s",
    }


def fault_points():
    """The names of all fault points in the code of the roles that there are."""
    parts = {spec.module.partition(".")[0] for spec in SPECS} | {"paramedic", "paramedic_core"}
    names = set()
    for part in (folder for folder in ROOT.glob("*/*") if folder.name in parts):
        for file in part.rglob("*.py"):
            names |= set(re.findall(r'\bfault\("([a-z_.]+)"\)', file.read_text()))
    return names


class Patient:
    """One container that is made sick once."""

    def __init__(self, engine, name):
        self.engine, self.name = engine, name
        engine.run(name, *_WELL, options=_OPTIONS)
        engine.wait(lambda: engine.inspect(name)["State"]["Health"]["Status"] == "healthy")
        self.since = time.time()

    def sicken(self):
        self.since = time.time()
        self.engine.docker("exec", self.name, "rm", "/tmp/well")

    def restarts(self):
        return len(self.engine.events(self.since, target=self.name, actions=("restart",)))

    def wait_restart(self, within=90.0):
        self.engine.wait_events(bool, since=self.since, target=self.name, actions=("restart",), within=within)


def all_back(running: Paramedic, within=90.0):
    """Every role answers that it is ready."""

    def ready(role):
        try:
            return RoleClient(running.data / f"run/{role}.sock", role).get("/-/ready", timeout=2)["ready"]
        except ParamedicError:
            return False

    until(lambda: all(ready(r) for r in running.roles), f"all roles ready\n{running.tail()}", within)


def closed(running: Paramedic, name):
    """How the incidents of a container ended, by the healer's journal."""
    try:
        return [r["state"] for r in running.journal("closed", name)]
    except ParamedicError:
        return []


def wait_healed(running: Paramedic, name, told, within=90.0):
    """Until the healer has closed an incident of the container as healed; else its journal of it and the log are told.

    A runtime that comes back in the middle of its own restart may see the container down: then there is a second incident.
    """

    def story():
        try:
            records = running.journal(name=name)
        except ParamedicError as error:
            records = [error]
        return "\n".join((told, *map(str, records), running.tail()))

    until(lambda: "healed" in closed(running, name), story, within)


def journals_whole(data: Path):
    """Both records pass SQLite's own check, and no act was left open."""
    for path in (data / "runtime" / "acts.db", data / "healer" / "journal.db"):
        db = sqlite3.connect(path)
        try:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
        finally:
            db.close()
    db = sqlite3.connect(data / "runtime" / "acts.db")
    try:
        assert db.execute("SELECT count(*) FROM acts WHERE status = 'intent'").fetchone() == (0,)
    finally:
        db.close()


def ensure_supervised(running: Paramedic, env=None):
    """Do what a service manager does: start it again when it has ended. Returns whether it had.

    Args:
        running: what was killed, perhaps.
        env: its environment; else the test's own.
    """
    assert running.process is not None
    if running.process.poll() is None:
        return False
    until(lambda: not any(alive(p) for p in pids(running)), "no role survives its supervisor", within=20)
    running.start(env)
    return True


def pids(running: Paramedic):
    """The roles' processes, as far as they are known."""
    found = []
    for role in running.roles:
        try:
            found.append(running.pid(role))
        except (FileNotFoundError, ValueError):
            continue
    return found
