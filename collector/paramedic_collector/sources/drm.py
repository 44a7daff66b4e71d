"""AMD and Intel GPUs, from sysfs: node_exporter's `drm` for AMD's driver, and what Intel's drivers give.

Sources: Documentation/gpu/amdgpu/driver-misc.rst and thermal.rst of the kernel; Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon,
sysfs-driver-intel-xe-hwmon; `gt/gt*/rps_*` of i915, `tile*/gt*/freq0/*` of xe.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field

from paramedic_collector.exposition import Exposition, Family, gauge, number, prefix
from paramedic_collector.files import GONE, read_text
from paramedic_collector.source import Context, Paths, Source

_CARD = re.compile(r"card\d+")
_LOOK = 60.0
"""Seconds for which the list of cards is kept."""
_VENDORS = {"0x1002": "amd", "0x8086": "intel"}
_MHZ = 1_000_000


def _ours(name: str, text: str, *labels: str, kind: str = "gauge") -> Family:
    return Family(f"node_drm_{name}", kind, text, tuple(sorted(("card", *labels))), like="ours")


_INFO = gauge(
    "node_drm_card_info", "Card information", "card", "memory_vendor", "power_performance_level", "unique_id", "vendor"
)
_BUSY = gauge("node_drm_gpu_busy_percent", "How busy the GPU is as a percentage.", "card")
_POWER = _ours("power_watts", "Power that the card draws.")
_ENERGY = _ours("energy_joules_total", "Energy that the card has taken.", kind="counter")
_TEMPERATURE = _ours("temperature_celsius", "Temperature of the card.")
_FREQUENCY = _ours("frequency_hertz", "Frequency at which the GPU runs.", "gt")
_FREQUENCY_MAX = _ours("frequency_max_hertz", "The highest frequency that the GPU may run at.", "gt")
_MEMORY: tuple[tuple[str, Family], ...] = tuple(
    (f"mem_info_{file}", gauge(f"node_drm_memory_{name}_bytes", f"The {what} in bytes.", "card"))
    for file, name, what in (
        ("gtt_total", "gtt_size", "size of the graphics translation table (GTT) block"),
        ("gtt_used", "gtt_used", "used amount of the graphics translation table (GTT) block"),
        ("vis_vram_total", "vis_vram_size", "size of visible VRAM"),
        ("vis_vram_used", "vis_vram_used", "used amount of visible VRAM"),
        ("vram_total", "vram_size", "size of VRAM"),
        ("vram_used", "vram_used", "used amount of VRAM"),
    )
)
_AMD: tuple[tuple[str, Family, float], ...] = (
    # File below the card's device, family, and what one of its units is.
    ("gpu_busy_percent", _BUSY, 1),
    *((file, family, 1) for file, family in _MEMORY),
    ("hwmon/hwmon*/power1_average", _POWER, 1e-6),
    ("hwmon/hwmon*/power1_input", _POWER, 1e-6),
    ("hwmon/hwmon*/temp1_input", _TEMPERATURE, 1e-3),
)
_INTEL: tuple[tuple[str, Family, float], ...] = (
    ("hwmon/hwmon*/energy1_input", _ENERGY, 1e-6),
    ("hwmon/hwmon*/temp1_input", _TEMPERATURE, 1e-3),
    ("drm/card*/gt/gt*/rps_act_freq_mhz", _FREQUENCY, _MHZ),
    ("drm/card*/gt/gt*/rps_max_freq_mhz", _FREQUENCY_MAX, _MHZ),
    ("tile*/gt*/freq0/act_freq", _FREQUENCY, _MHZ),
    ("tile*/gt*/freq0/max_freq", _FREQUENCY_MAX, _MHZ),
)
_GT = re.compile(r"/(?:tile(\d+)/)?gt(\d+)/")


@dataclass(slots=True)
class _Card:
    name: str
    device: str
    vendor: str
    values: list[tuple[str, Family, str, float]] = field(default_factory=list)
    """Path, family, the line's beginning, scale."""


class Drm(Source):
    """AMD and Intel GPUs: load, memory, power, temperature and frequency; nothing where there is none."""

    name = "drm"
    families = (_INFO, _BUSY, *(f for _, f in _MEMORY), _POWER, _ENERGY, _TEMPERATURE, _FREQUENCY, _FREQUENCY_MAX)

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[_Card] = []
        self._looked = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        if not 0 <= context.now - self._looked < _LOOK:
            self._cards, self._looked = _cards(context.paths), context.now
        for card in self._cards:
            if card.vendor == "amd":
                _info(card, out)
            for path, family, start, scale in card.values:
                try:
                    value = int(self.files.read(path, whole=True))
                except (OSError, ValueError) as error:
                    # A card that sleeps refuses some of its files (EPERM, EBUSY); one that was taken out has none.
                    if isinstance(error, ValueError) or error.errno not in GONE:
                        out.problem = out.problem or f"{path}: {error}"
                    continue
                out.of(family).append(start + number(value * scale if scale != 1 else value))


def _cards(paths: Paths) -> list[_Card]:
    found = []
    base = paths.sys("class/drm")
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []  # noqa: PTH112, PTH208  strings, as all paths here
    for name in names:
        device = f"{base}/{name}/device"
        vendor = _VENDORS.get(read_text(f"{device}/vendor"), "") if _CARD.fullmatch(name) else ""
        if vendor:
            card = _Card(name, device, vendor)
            for pattern, family, scale in _AMD if vendor == "amd" else _INTEL:
                if not any(f is family and "gt" not in f.labels for _, f, _, _ in card.values):
                    card.values += _series(card, pattern, family, scale)
            found.append(card)
    return found


def _series(card: _Card, pattern: str, family: Family, scale: float) -> list[tuple[str, Family, str, float]]:
    made = []
    for path in sorted(glob.glob(f"{glob.escape(card.device)}/{pattern}")):  # noqa: PTH207  strings, as all paths here
        labels = {"card": card.name}
        if "gt" in family.labels:
            match = _GT.search(path)
            assert match is not None
            labels["gt"] = f"tile{match[1]}/gt{match[2]}" if match[1] else f"gt{match[2]}"
        made.append((path, family, prefix(family.name, labels), scale))
    return made


def _info(card: _Card, out: Exposition) -> None:
    out.add(
        _INFO,
        1,
        card=card.name,
        memory_vendor=read_text(f"{card.device}/mem_info_vram_vendor"),
        power_performance_level=read_text(f"{card.device}/power_dpm_force_performance_level"),
        unique_id=read_text(f"{card.device}/unique_id"),
        vendor="amd",
    )
