"""Runs a real supervisor with stand-in roles, and asks it and the kernel how it is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paramedic.options import Options
from paramedic.roles import SPECS
from paramedic.ward import KILL_AFTER
from paramedic_core.codec import to_plain
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient

ROLES = tuple(spec.name for spec in SPECS)
SOON = KILL_AFTER + 4.0
"""Seconds in which everything has stopped: the supervisor's own bound, and what a busy machine adds to it."""
STANDIN = Path(__file__).with_name("support_standin.py")


def until(check, what, within=40.0):
    """The first true value of `check()`, asked every 20 ms; `what` may be a function that is asked only in the end."""
    end = time.monotonic() + within
    while not (found := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return found


def alive(pid):
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def short_folder():
    """A folder with a short name that every uid can pass through (pytest's own keeps other uids out)."""
    folder = Path(tempfile.mkdtemp(prefix="pm-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Running:
    """A supervisor, its data directory, and the words that its stand-in roles obey."""

    def __init__(self, folder, *, ask_every=10.0, env=None, **options):
        self.folder, self.data, self.control = folder, folder / "data", folder / "control"
        self.control.mkdir(exist_ok=True)
        self._options = Options(**{"data": str(self.data), **options})
        self._ask_every, self._env = ask_every, env or {}
        self.log = folder / "log"
        self.process = None

    def start(self, *, wait=True):
        argv = [
            sys.executable,
            "-P",
            str(STANDIN),
            str(self.control),
            json.dumps(to_plain(self._options)),
            str(self._ask_every),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stderr=log,
                stdout=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._env},
            )
        if wait:
            self.wait_up()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            pids = self.pids()
            self.process.kill()
            self.process.wait()
            until(lambda: not any(alive(p) for p in pids.values()), "no child survives")

    @property
    def names(self):
        return self._options.roles or ROLES

    def lines(self):
        return self.log.read_text()

    def state(self):
        try:
            return json.loads((self.data / "run" / "supervisor.json").read_text())
        except FileNotFoundError:
            return {}

    def role(self, name):
        return self.state().get("roles", {}).get(name, {})

    def pids(self):
        return {name: role["pid"] for name, role in self.state().get("roles", {}).items() if role["pid"]}

    def all_up(self):
        mine = self.process is None or self.state().get("pid") == self.process.pid
        return mine and all(self.role(name).get("stage") == "up" for name in self.names)

    def wait_up(self):
        def check():
            if self.process.poll() is not None:
                raise AssertionError(f"the supervisor ended with {self.process.returncode}:\n{self.lines()}")
            return self.all_up()

        until(check, f"all roles up:\n{self.lines()}")

    def client(self, name):
        return RoleClient(self.data / "run" / f"{name}.sock", name)

    def whoami(self, name):
        return self.client(name).get("/whoami")

    def answers(self, name):
        try:
            return self.whoami(name)
        except ParamedicError:
            return None

    def tell(self, name, word):
        (self.control / name).write_text(word)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM; returns the seconds it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        return time.monotonic() - began


def as_uid(uid, gid, function):
    """Whether `function` raised nothing in a process of its own with this uid and gid; else the exception's name."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            function()
            os.write(write_fd, b"ok")
        except BaseException as error:
            os.write(write_fd, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as answer:
        text = answer.read().decode()
    os.waitpid(pid, 0)
    return text


def connect(path):
    """A function that connects to a unix socket."""

    def attempt():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(2)
            s.connect(str(path))

    return attempt
