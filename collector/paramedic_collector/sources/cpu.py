"""CPU time by mode from /proc/stat (proc_stat(5)), thermal throttling and isolation from sysfs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from paramedic_collector import cpuinfo
from paramedic_collector.exposition import Exposition, Family, number, prefix
from paramedic_collector.files import read, read_text
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Paths, Source

_SECONDS = Family("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", ("cpu", "mode"))
_GUEST = Family(
    "node_cpu_guest_seconds_total", "counter", "Seconds the CPUs spent in guests (VMs) for each mode.", ("cpu", "mode")
)
_CORE = Family(
    "node_cpu_core_throttles_total",
    "counter",
    "Number of times this CPU core has been throttled.",
    ("core", "package"),
)
_PACKAGE = Family(
    "node_cpu_package_throttles_total", "counter", "Number of times this CPU package has been throttled.", ("package",)
)
_ISOLATED = Family(
    "node_cpu_isolated",
    "gauge",
    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
    ("cpu",),
)
_ONLINE = Family("node_cpu_online", "gauge", "CPUs that are online and being scheduled.", ("cpu",))
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_TICKS = os.sysconf("SC_CLK_TCK")
_CPU = re.compile(rb"^cpu(\d+) (.*)$", re.MULTILINE)
_JUMP = 3 * _TICKS
"""Ticks of idle time that a counter may fall by and still be held; more is a CPU that was unplugged and came back."""


class _Facts(NamedTuple):
    """What changes only when a CPU is plugged in or switched off."""

    throttles: list[tuple[Family, str, str]]
    fixed: list[tuple[Family, str]]
    """Ready lines."""
    present: list[int]
    """The CPUs, where they can be switched off."""


class Cpu(Source):
    """CPU seconds by mode, thermal throttles, isolated CPUs."""

    name = "cpu"
    families = (_SECONDS, _GUEST, _CORE, _PACKAGE, _ISOLATED, _ONLINE, *cpuinfo.FAMILIES)

    def __init__(self) -> None:
        self._facts: Kept[_Facts] = Kept(300.0)
        self._prefixes: dict[bytes, tuple[list[str], list[str]]] = {}
        self._last: dict[bytes, list[int]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        facts = self._facts.get(context.now, lambda: _facts(context))
        seconds, guest = out.of(_SECONDS), out.of(_GUEST)
        with_guests = context.settings.cpu.guest
        for cpu, text in _CPU.findall(self.files.read(context.paths.proc("stat"), whole=True)):
            modes, guests = self._lines(cpu)
            ticks = self._steady(cpu, [int(word) for word in text.split()])
            seconds += [line + number(t / _TICKS) for line, t in zip(modes, ticks, strict=False)]
            if with_guests:
                guest += [line + number(t / _TICKS) for line, t in zip(guests, ticks[8:], strict=False)]
        for family, line, file in facts.throttles:
            count = self.files.number(file)
            if count is not None:
                out.of(family).append(line + number(count))
        for family, line in facts.fixed:
            out.of(family).append(line)
        if facts.present:
            online = set(numbers_of(self.files.text(context.paths.sys("devices/system/cpu/online"))))
            for number_ in facts.present:
                out.add(_ONLINE, int(number_ in online), cpu=str(number_))

    def _lines(self, cpu: bytes) -> tuple[list[str], list[str]]:
        found = self._prefixes.get(cpu)
        if found is None:
            name = cpu.decode()
            found = (
                [prefix(_SECONDS.name, {"cpu": name, "mode": mode}) for mode in _MODES],
                [prefix(_GUEST.name, {"cpu": name, "mode": mode}) for mode in ("user", "nice")],
            )
            self._prefixes[cpu] = found
        return found

    def _steady(self, cpu: bytes, ticks: list[int]) -> list[int]:
        """Idle and iowait can fall by a tick (proc_stat(5)); a counter that does would look like a restart."""
        last = self._last.get(cpu)
        if last is not None and len(last) == len(ticks) and last[3] - ticks[3] < _JUMP:
            ticks = [max(old, new) for old, new in zip(last, ticks, strict=True)]
        self._last[cpu] = ticks
        return ticks


def _facts(context: Context) -> _Facts:
    folder = context.paths.sys("devices/system/cpu")
    fixed = [
        (_ISOLATED, prefix(_ISOLATED.name, {"cpu": str(isolated)}) + "1")
        for isolated in numbers_of(read_text(f"{folder}/isolated"))
    ]
    if context.settings.cpu.info:
        text = read(context.paths.proc("cpuinfo")).decode("utf-8", "replace")
        fixed += cpuinfo.lines(text, context.settings.cpu)
    # Without the file no CPU can be switched off.
    present = numbers_of(read_text(f"{folder}/present")) if os.path.exists(f"{folder}/cpu0/online") else []  # noqa: PTH110
    return _Facts(_throttles(context.paths), fixed, present)


def _throttles(paths: Paths) -> list[tuple[Family, str, str]]:
    """One file for each core and each package that counts its throttles."""
    found: dict[tuple[str, ...], tuple[Family, str, str]] = {}
    for folder in sorted(Path(paths.sys("devices/system/cpu")).glob("cpu[0-9]*")):
        package = read_text(f"{folder}/topology/physical_package_id")
        core = read_text(f"{folder}/topology/core_id")
        if not package.isdigit() or not core.isdigit():
            continue
        for family, key, labels in (
            (_CORE, (package, core), {"core": core, "package": package}),
            (_PACKAGE, (package,), {"package": package}),
        ):
            file = f"{folder}/thermal_throttle/{'core' if family is _CORE else 'package'}_throttle_count"
            if key not in found and read_text(file).isdigit():
                found[key] = (family, prefix(family.name, labels), file)
    return list(found.values())


def numbers_of(text: str) -> list[int]:
    """The kernel's list format, as `1,3-5,9`, spelt out."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
