"""`python -m paramedic.supervise JSON`: what `paramedic run` turns into, with nothing imported that the roles do not share.

Memory: the roles are forked from this process, so what is imported here is paid for once; what only one role needs
(Flask, docker, prometheus_client), and what nobody needs any more (click, yaml, pydantic), must stay out.
"""

from __future__ import annotations

import gc

gc.disable()  # before the imports: a collection would leave holes in the pages that the roles are to share

import json  # noqa: E402, F401  as sqlite3
import logging  # noqa: E402
import os  # noqa: E402
import sqlite3  # noqa: E402, F401  shared by runtime, healer and hub
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import paramedic_core.sys.feed  # noqa: E402
import paramedic_core.sys.server  # noqa: E402, F401  shared by all roles
from paramedic import installation, layout, login, logline  # noqa: E402
from paramedic.claim import claim  # noqa: E402
from paramedic.loading import load_now  # noqa: E402
from paramedic.options import Options  # noqa: E402
from paramedic.roles import SPECS, Spec, chosen  # noqa: E402
from paramedic.supervisor import Supervisor  # noqa: E402
from paramedic_core.errors import ParamedicError  # noqa: E402
from paramedic_core.sys import processes  # noqa: E402
from paramedic_core.sys.identity import host_id, separated  # noqa: E402

log = logging.getLogger("paramedic.supervisor")


def main(options: Options, specs: Sequence[Spec] = SPECS, *, ask_every: float = 10.0) -> int:
    """Run the roles; returns the exit status: 0 after a clean stop, 1 when it cannot start."""
    logline.set_up("supervisor", "info")
    processes.title("paramedic: supervisor")
    try:
        picked = chosen(options.roles, tuple(specs))
        if os.geteuid() == 0:
            installation.hold_open()
        settings = load_now(options)
        logline.set_up("supervisor", settings.log_level)
        data = Path(settings.data).absolute()
        layout.prepare(data, picked)
        mine = claim(data, [spec.name for spec in picked])
        login.wait_first(data)
        host = host_id(data)
        login.first_token(data, settings)
        if not separated():
            log.warning("not started as root: all roles share one uid, so there is no boundary between them")
        try:
            return Supervisor(picked, settings, options, data, host, report=mine.report, ask_every=ask_every).run()
        finally:
            mine.close()
    except (ParamedicError, OSError) as error:
        for line in str(error).splitlines():
            log.error("%s", line)  # noqa: TRY400  the text is for the person who starts it; a trace would hide it
        return 1
    except Exception:
        log.exception("the supervisor ended by an error, and its roles with it")
        return 1


if __name__ == "__main__":
    sys.exit(main(Options.of(sys.argv[1])))
