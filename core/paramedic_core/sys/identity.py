"""Which uid each role has, and where the roles meet."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from paramedic_core.sys.files import write_atomic

GID = 59110
"""The group of all roles: who is in it may reach their sockets."""
UIDS = {"runtime": 0, "collector": 59112, "logs": 59113, "dns": 59114, "healer": 59115, "hub": 59116}
"""Numbers without names: nothing has to be installed, and no person's account can have them by accident."""


def separated() -> bool:
    """Whether this process was started so that roles can have uids of their own."""
    return os.geteuid() == 0 or os.geteuid() in UIDS.values()


def uid_of(role: str) -> int:
    """The uid that `role` runs as on this host: its own, or everybody's when not started as root."""
    return UIDS[role] if separated() else os.geteuid()


def socket_path(data: Path, role: str) -> Path:
    """Where `role` listens."""
    return data / "run" / f"{role}.sock"


def host_id(data: Path) -> str:
    """This host's id: 12 hexadecimal digits, the same for the life of the machine.

    Derived from /etc/machine-id as machine-id(5) asks (never the id itself); where there is none, made once and kept in
    the data directory.
    """
    kept = data / "host-id"
    if kept.exists():
        return kept.read_text().strip()
    try:
        machine = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        machine = b""
    digest = hmac.new(b"paramedic", machine or secrets.token_bytes(32), hashlib.sha256).hexdigest()[:12]
    write_atomic(kept, f"{digest}\n".encode(), 0o644)
    return digest


def pid_namespace() -> int:
    """Which pid namespace this process is in (pid_namespaces(7)): process ids of another one mean nothing here."""
    return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  the name is a link that only the kernel can follow
