"""What the supervisors say of themselves and their roles: `DATA/run/supervisor*.json`."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded
from paramedic_core.sys.identity import pid_namespace


@dataclass(frozen=True, slots=True)
class Report:
    """The file, as far as it can be read."""

    pid: int = 0
    """0: there is none."""
    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that were asked for: `restarts`, `stage`, `last_exit`."""
    reload_failed: str = ""
    """Why the last reload changed nothing."""
    elsewhere: frozenset[str] = frozenset()
    """Those of a supervisor in another pid namespace, as in a container of its own: their process ids mean nothing here."""

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
    """What the supervisors of this data directory say, in one; an empty one where there is none.

    Raises:
        PermissionError: whoever calls may not read it.
    """
    found = [report for path in _files(data) if (report := _read(path)) is not None]
    here = [report for report in found if not report.elsewhere]
    return Report(
        pid=here[0].pid if here else 0,
        roles={name: role for report in found for name, role in report.roles.items()},
        reload_failed=next((r.reload_failed for r in found if r.reload_failed), ""),
        elsewhere=frozenset().union(*(report.elsewhere for report in found)),
    )


def _files(data: Path) -> list[Path]:
    run = data / "run"
    if not run.is_dir():
        return []
    return sorted(run / name for name in os.listdir(run) if fnmatch.fnmatch(name, "supervisor*.json"))  # noqa: PTH208  it says so when it may not


def _read(path: Path) -> Report | None:
    try:
        document = json.loads(read_bounded(path))
        roles = {str(name): dict(role) for name, role in document["roles"].items()}
        reload = document.get("reload") or {}
        failed = "" if reload.get("successful", True) else str(reload.get("mistakes") or "the configuration is wrong")
        away = document.get("pid_namespace", pid_namespace()) != pid_namespace()
        return Report(int(document["pid"]), roles, failed, frozenset(roles if away else ()))
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadInput):
        return None
