"""Tiny roles for the supervisor's tests: real processes with a real socket, that misbehave when a file says so.

`CONTROL/ROLE` holds a word: `crash` (at the start), `late` (never ready), `deaf` (ignores SIGTERM), `ill` (not healthy).
`STANDIN_LISTEN` in the environment is where the collector listens too.
Run as a program it is the supervisor with these roles: `python support_standin.py CONTROL OPTIONS-JSON [ASK_EVERY]`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
import types
from dataclasses import replace
from pathlib import Path

from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.role import Role
from paramedic_core.sys.server import Request, json_response


class Standin:
    def __init__(self, name, control):
        self.name, self._control = name, control

    def word(self):
        try:
            return (self._control / self.name).read_text().strip()
        except FileNotFoundError:
            return ""

    def start(self):
        word = self.word()
        if word == "crash":
            raise RuntimeError("told to crash\nwith a second line and \x1b[31mcolour")
        if word == "late":
            time.sleep(3600)

    def stop(self):
        if self.word() == "deaf":
            threading.Event().wait(3600)

    def ready(self):
        return Readiness(ready=True)

    def healthy(self):
        return Readiness(ready=self.word() != "ill", reason="told to be ill")


def status():
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def build(name, control, settings, data, host, clock):
    def whoami(_request: Request):
        found = status()
        keys = ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "SigBlk")
        return json_response(
            {
                "pid": os.getpid(),
                "parent": os.getppid(),
                "nice": os.nice(0),
                "host": host,
                "log_level": settings.log_level,
                "node": settings.node,
                "grace": settings.healer.startup_grace,
                **{k: found[k].strip() for k in keys},
            }
        )

    def hang(_request: Request):
        os.kill(os.getpid(), signal.SIGSTOP)
        return json_response({})

    return Role(name, [Standin(name, control)], {"GET /whoami": whoami, "POST /hang": hang})


def main():
    from paramedic.options import Options
    from paramedic.roles import SPECS
    from paramedic.supervise import main as supervise

    if uid := int(os.environ.get("STANDIN_UID", "0")):
        # Not by the caller, before exec: this interpreter may lie below root's home. So all is imported first.
        importlib.import_module("paramedic.wiring").load_options(Options.of(sys.argv[2]))
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    control = Path(sys.argv[1])
    specs = []
    for spec in SPECS:
        module = types.ModuleType(f"standin_{spec.name}")
        module.build = lambda *args, name=spec.name: build(name, control, *args)
        sys.modules[module.__name__] = module
        listens = (os.environ.get("STANDIN_LISTEN", ""),) if spec.name == "collector" else ()
        specs.append(replace(spec, module=module.__name__, listens=lambda _settings, listens=listens: listens))
    ask_every = float(sys.argv[3]) if len(sys.argv) > 3 else 10.0
    return supervise(Options.of(sys.argv[2]), specs, ask_every=ask_every)


if __name__ == "__main__":
    sys.exit(main())
