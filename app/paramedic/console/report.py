"""What the supervisor says of itself and its roles: `DATA/run/supervisor.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded


@dataclass(frozen=True, slots=True)
class Report:
    """The file, as far as it can be read."""

    pid: int = 0
    """0: there is none."""
    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that were asked for: `restarts`, `stage`, `last_exit`."""
    reload_failed: str = ""
    """Why the last reload changed nothing."""

    def restarts(self, role: str) -> int:
        """How often the supervisor has started it again."""
        count = self.roles.get(role, {}).get("restarts", 0)
        return count if isinstance(count, int) else 0

    def last_exit(self, role: str) -> str:
        """How it ended last, in words; empty when it never did."""
        last = self.roles.get(role, {}).get("last_exit")
        if not isinstance(last, Mapping):
            return ""
        return ", ".join(str(last[part]) for part in ("how", "why") if last.get(part))


def read_report(data: Path) -> Report:
    """The report of the supervisor of this data directory; an empty one where there is none.

    Raises:
        PermissionError: whoever calls may not read it.
    """
    try:
        document = json.loads(read_bounded(data / "run" / "supervisor.json"))
        roles = document["roles"]
        reload = document.get("reload") or {}
        failed = "" if reload.get("successful", True) else str(reload.get("mistakes") or "the configuration is wrong")
        return Report(int(document["pid"]), {str(k): dict(v) for k, v in roles.items()}, failed)
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadInput):
        return Report()
