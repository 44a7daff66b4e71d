"""The system's time and its clock sources."""

from __future__ import annotations

import time as clock
from pathlib import Path

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source

_SECONDS = Family("node_time_seconds", "gauge", "System time in seconds since epoch (1970).")
_ZONE = Family("node_time_zone_offset_seconds", "gauge", "System time zone offset in seconds.", ("time_zone",))
_AVAILABLE = Family(
    "node_time_clocksource_available_info",
    "gauge",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
    ("clocksource", "device"),
)
_CURRENT = Family(
    "node_time_clocksource_current_info",
    "gauge",
    "Current clocksource read from '/sys/devices/system/clocksource'.",
    ("clocksource", "device"),
)
_FOLDER = "devices/system/clocksource"


class Time(Source):
    """The present time, the time zone, and the kernel's clock sources."""

    name = "time"
    families = (_SECONDS, _ZONE, _AVAILABLE, _CURRENT)

    def __init__(self) -> None:
        self._devices: Kept[list[str]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        out.add(_SECONDS, context.now)
        local = clock.localtime(context.now)
        out.add(_ZONE, local.tm_gmtoff, time_zone=local.tm_zone)
        for device in self._devices.get(context.now, lambda: _devices(context.paths.sys(_FOLDER))):
            folder = context.paths.sys(_FOLDER, f"clocksource{device}")
            for source in self.files.text(f"{folder}/available_clocksource").split():
                out.add(_AVAILABLE, 1, device=device, clocksource=source)
            if current := self.files.text(f"{folder}/current_clocksource"):
                out.add(_CURRENT, 1, device=device, clocksource=current)


def _devices(folder: str) -> list[str]:
    try:
        names = [entry.name for entry in Path(folder).iterdir()]
    except OSError:
        return []
    return sorted(n.removeprefix("clocksource") for n in names if n.startswith("clocksource"))
