"""`DATA/run/supervisor.json`: how the roles are, for `paramedic status` and the hub; written when something changed.

Where two supervisors share the directory, the second one's is `supervisor-ROLE.json`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic.nursery import Nursery
from paramedic_core.sys.files import write_atomic
from paramedic_core.sys.identity import pid_namespace, separated, socket_path

log = logging.getLogger("paramedic.report")


class Report:
    """The file.

    Args:
        data: the data directory.
        path: the file.
    """

    def __init__(self, data: Path, path: Path) -> None:
        self._data = data
        self._path = path
        self._fixed = {
            "pid": os.getpid(),
            "pid_namespace": pid_namespace(),
            "started_at": round(time.time(), 3),
            "separated": separated(),
        }
        self._written: tuple[object, ...] = ()

    def write(self, nursery: Nursery, reload: Mapping[str, Any]) -> None:
        """Write it, if it would say something new; the disk being full is said once and stops nothing."""
        now = (reload["at"], *((w.pid, w.stage, w.since, w.life.restarts) for w in nursery.wards))
        if now == self._written:
            return
        self._written = now
        document = {**self._fixed, "reload": reload, "roles": {w.name: w.state() for w in nursery.wards}}
        text = json.dumps(document, indent=1) + "\n"
        try:
            write_atomic(self._path, text.encode(), 0o644, durable=False)
        except OSError as error:
            log.warning("%s cannot be written (%s): `paramedic status` shows old news", self._path, error)

    def remove(self, nursery: Nursery) -> None:
        """Take away what would say that paramedic runs."""
        for path in (self._path, *(socket_path(self._data, w.name) for w in nursery.wards)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed: %s", path, error)
