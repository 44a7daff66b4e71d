"""What the supervisor knows of the roles and of its last reload, for a role that serves metrics: `DATA/run/supervisor.json`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

_UP = "paramedic_role_up"
_RESTARTS = "paramedic_role_restarts_total"
_RELOAD = "paramedic_config_last_reload_successful"
_RELOAD_AT = "paramedic_config_last_reload_timestamp_seconds"


def exposition(data: Path) -> str:
    """Metrics in Prometheus' text format; empty where no supervisor has written anything that can be read.

    Args:
        data: the data directory.
    """
    counters = Counters()
    counters.gauge(_UP, "Whether a role's process is started and serves.")
    counters.counter(_RESTARTS, "How often a role ended unasked and was started again.")
    counters.gauge(_RELOAD, "Whether the configuration was right when it was last read.")
    counters.gauge(_RELOAD_AT, "When the configuration was last read.")
    found = False
    for path in sorted((data / "run").glob("supervisor*.json"), reverse=True):
        # No supervisor (a role started alone), or another version's file: there is nothing true to say.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, BadInput):
            _take(counters, json.loads(read_bounded(path)))
            found = True
    return counters.render() if found else ""


def _take(counters: Counters, document: dict[str, Any]) -> None:
    for name, role in document["roles"].items():
        counters.set(_UP, float(role["stage"] == "up"), role=str(name))
        counters.add(_RESTARTS, float(role["restarts"]), role=str(name))
    counters.set(_RELOAD, float(document["reload"]["successful"]))
    counters.set(_RELOAD_AT, float(document["reload"]["at"]))
