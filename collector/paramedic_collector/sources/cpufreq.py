"""/sys/devices/system/cpu/cpu*/cpufreq (Documentation/admin-guide/pm/cpufreq.rst of the kernel)."""

from __future__ import annotations

import re

from paramedic_collector.exposition import Exposition, gauge, number, prefix
from paramedic_collector.files import names
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source

_FILES = {
    # File → family; its kilohertz are given in hertz.
    "cpuinfo_cur_freq": gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_avg_freq": gauge("node_cpu_frequency_avg_hertz", "Average CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_min_freq": gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_max_freq": gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.", "cpu"),
    "scaling_cur_freq": gauge(
        "node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz.", "cpu"
    ),
    "scaling_min_freq": gauge(
        "node_cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz.", "cpu"
    ),
    "scaling_max_freq": gauge(
        "node_cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz.", "cpu"
    ),
}
_GOVERNOR = gauge("node_cpu_scaling_governor", "Current enabled CPU frequency governor.", "cpu", "governor")
_CPU = re.compile("cpu([0-9]+)")


class Cpufreq(Source):
    """Each CPU's frequency, its bounds, and what governs it."""

    name = "cpufreq"
    families = (*_FILES.values(), _GOVERNOR)

    def __init__(self) -> None:
        self._folders: Kept[list[tuple[str, str, list[str]]]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("devices/system/cpu")
        for cpu, folder, starts in self._folders.get(context.now, lambda: _folders(root)):
            for (file, family), start in zip(_FILES.items(), starts, strict=True):
                kilohertz = self.files.number(f"{folder}/{file}")
                if kilohertz is not None:
                    out.of(family).append(start + number(kilohertz * 1000))
            governor = self.files.text(f"{folder}/scaling_governor")
            if governor:
                for one in self.files.text(f"{folder}/scaling_available_governors").split():
                    out.add(_GOVERNOR, int(one == governor), cpu=cpu, governor=one)


def _folders(root: str) -> list[tuple[str, str, list[str]]]:
    """Each CPU with such a folder, the folder, and the beginnings of its lines."""
    found = []
    for match in filter(None, map(_CPU.fullmatch, names(root))):
        folder = f"{root}/{match[0]}/cpufreq"
        if names(folder):
            starts = [prefix(family.name, {"cpu": match[1]}) for family in _FILES.values()]
            found.append((match[1], folder, starts))
    return found
