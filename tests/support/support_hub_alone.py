"""The hub's role as a process of its own, for tests that kill it: `python support_hub_alone.py DATA SETTINGS-JSON`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from paramedic_api.role import build
from paramedic_core.clock import SystemClock
from paramedic_core.codec import from_plain
from paramedic_core.settings import Settings
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from support_receivers import HOST


def main() -> None:
    data, settings = Path(sys.argv[1]), from_plain(Settings, json.loads(sys.argv[2]))
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    role = build(settings, data, HOST, SystemClock())
    server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, "hub"))])
    for component in role.components:
        component.start()
    server.start()
    asked.wait()
    server.stop()
    for component in reversed(role.components):
        component.stop()


if __name__ == "__main__":
    main()
