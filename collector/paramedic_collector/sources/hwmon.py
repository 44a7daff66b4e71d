"""/sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst of the kernel): temperatures, fans, voltages."""

from __future__ import annotations

import os
from collections import Counter

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.files import names
from paramedic_collector.filters import Filter
from paramedic_collector.sensors import CHIP, LABEL, Sensor, clean, sensors_of
from paramedic_collector.source import Context, Source

_REFRESH = 60.0
"""Seconds for which the list of sensors is kept; their values are read in each scrape."""


class Hwmon(Source):
    """What the machine's sensors measure; nothing where it has none, as most virtual machines."""

    name = "hwmon"
    families = (CHIP, LABEL, Family("node_hwmon_*", "gauge", "Hardware monitor *.", ("chip", "sensor")))

    def __init__(self) -> None:
        self._sensors: list[Sensor] = []
        self._chips: list[tuple[str, str]] = []
        self._known: dict[str, Family] = {}
        self._at = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        if not 0 <= context.now - self._at < _REFRESH:
            self._find(context)
        for chip, name in self._chips:
            if name:
                out.add(CHIP, 1, chip=chip, chip_name=name)
        for sensor in self._sensors:
            if sensor.label:
                out.add(LABEL, 1, chip=sensor.chip, label=sensor.label, sensor=sensor.name)
            sensor.read(self.files, self._known, out)

    def _find(self, context: Context) -> None:
        settings = context.settings.hwmon
        chips = Filter(settings.chip_exclude, settings.chip_include)
        wanted = Filter(settings.sensor_exclude, settings.sensor_include)
        self.files.close()
        self._sensors, self._chips, self._at = [], [], context.now
        for folder, chip in _chips(context.paths.sys("class/hwmon")):
            if chips(chip):
                self._chips.append((chip, clean(self.files.text(f"{folder}/name"))))
                self._sensors += [s for s in sensors_of(folder, chip, self.files) if wanted(f"{chip};{s.name}")]


def _chips(root: str) -> list[tuple[str, str]]:
    """Each chip's folder, and a name that stays the same across boots, as node_exporter makes it."""
    folders = [f"{root}/{name}" for name in names(root) if os.path.isdir(f"{root}/{name}")]  # noqa: PTH112  a hot path
    bases = {folder: _base(folder) for folder in folders}
    own = {folder: _name(folder) for folder in folders}
    shared = Counter(bases.values())
    twice = Counter((bases[folder], own[folder]) for folder in folders)
    found = []
    for folder, base in bases.items():
        if not base:
            continue
        chip = base
        if shared[base] > 1:
            suffix = clean(own[folder])
            if not suffix or twice[base, own[folder]] > 1:
                suffix = clean(folder.rpartition("/")[2])
            chip = f"{base}_{suffix}"
        found.append((folder, chip))
    return found


def _name(folder: str) -> str:
    try:
        with open(f"{folder}/name", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read(128).strip()
    except OSError:
        return ""


def _base(folder: str) -> str:
    """The device's bus and name; else what the chip calls itself; else its folder's name."""
    device = os.path.realpath(f"{folder}/device")
    if os.path.exists(device):  # noqa: PTH110
        above, _, name = device.rpartition("/")
        kind = clean(above.rpartition("/")[2])
        if clean(name):
            return f"{kind}_{clean(name)}" if kind else clean(name)
    return clean(_name(folder)) or clean(os.path.realpath(folder).rpartition("/")[2])
