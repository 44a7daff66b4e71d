"""SELinux: /sys/fs/selinux and /etc/selinux/config."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import read_text
from paramedic_collector.source import Context, Source

_ENABLED = gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false")
_CONFIGURED = gauge("node_selinux_config_mode", "Configured SELinux enforcement mode")
_CURRENT = gauge("node_selinux_current_mode", "Current SELinux enforcement mode")
_MODES = {"enforcing": 1, "permissive": 0}
"""Anything else is disabled, -1."""


class Selinux(Source):
    """Whether SELinux is on, and whether it enforces."""

    name = "selinux"
    families = (_ENABLED, _CONFIGURED, _CURRENT)

    def collect(self, context: Context, out: Exposition) -> None:
        current = self.files.number(context.paths.sys("fs/selinux/enforce"))
        out.add(_ENABLED, int(current is not None))
        if current is None:
            return
        lines = read_text(context.paths.root("/etc/selinux/config")).splitlines()
        words = [line.partition("=")[2].strip().lower() for line in lines if line.strip().startswith("SELINUX=")]
        out.add(_CONFIGURED, _MODES.get(words[-1] if words else "", -1))
        out.add(_CURRENT, current)
