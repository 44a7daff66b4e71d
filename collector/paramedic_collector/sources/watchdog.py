"""/sys/class/watchdog (Documentation/ABI/testing/sysfs-class-watchdog of the kernel)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import names
from paramedic_collector.source import Context, Source

_VALUES = {
    file: gauge(f"node_watchdog_{end}", f"Value of /sys/class/watchdog/<watchdog>/{file}", "name")
    for file, end in (
        ("bootstatus", "bootstatus"),
        ("fw_version", "fw_version"),
        ("nowayout", "nowayout"),
        ("timeleft", "timeleft_seconds"),
        ("timeout", "timeout_seconds"),
        ("pretimeout", "pretimeout_seconds"),
        ("access_cs0", "access_cs0"),
    )
}
_TEXTS = ("identity", "options", "pretimeout_governor", "state", "status")
_INFO = gauge("node_watchdog_info", "Info of /sys/class/watchdog/<watchdog>", "name", *_TEXTS)


class Watchdog(Source):
    """Watchdogs of the hardware, and how long they wait."""

    name = "watchdog"
    families = (*_VALUES.values(), _INFO)

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("class/watchdog")
        for name in names(root):
            for file, family in _VALUES.items():
                value = self.files.number(f"{root}/{name}/{file}")
                if value is not None:
                    out.add(family, value, name=name)
            texts = {label: self.files.text(f"{root}/{name}/{label}") for label in _TEXTS}
            out.add(_INFO, 1, name=name, **texts)
