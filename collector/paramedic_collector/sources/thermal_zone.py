"""/sys/class/thermal (Documentation/driver-api/thermal/sysfs-api.rst of the kernel)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import names, read_text
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source

_ZONE = gauge("node_thermal_zone_temp", "Zone temperature in Celsius", "type", "zone")
_CURRENT = gauge("node_cooling_device_cur_state", "Current throttle state of the cooling device", "name", "type")
_MOST = gauge("node_cooling_device_max_state", "Maximum throttle state of the cooling device", "name", "type")


class ThermalZone(Source):
    """Temperatures of the machine's zones, and how far their coolers are turned up."""

    name = "thermal_zone"
    families = (_ZONE, _CURRENT, _MOST)

    def __init__(self) -> None:
        self._folders: Kept[list[tuple[str, dict[str, str]]]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("class/thermal")
        for folder, labels in self._folders.get(context.now, lambda: _folders(root)):
            if "zone" in labels:
                temperature = self.files.number(f"{folder}/temp")
                if temperature is not None:  # a sensor that sleeps answers EAGAIN or EINVAL
                    out.add(_ZONE, temperature / 1000, **labels)
                continue
            for family, file in ((_CURRENT, "cur_state"), (_MOST, "max_state")):
                state = self.files.number(f"{folder}/{file}")
                if state is not None:
                    out.add(family, state, **labels)


def _folders(root: str) -> list[tuple[str, dict[str, str]]]:
    found = []
    for name in names(root):
        kind = read_text(f"{root}/{name}/type")
        for start, label in (("thermal_zone", "zone"), ("cooling_device", "name")):
            if name.startswith(start) and name[len(start) :].isdigit():
                found.append((f"{root}/{name}", {label: name[len(start) :], "type": kind}))
    return found
