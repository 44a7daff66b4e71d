"""One sensor of a hwmon chip: which files belong to it, and what their numbers mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paramedic_collector.exposition import Exposition, Family, counter, gauge, number, prefix
from paramedic_collector.files import Files, names

CHIP = gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names", "chip", "chip_name")
LABEL = gauge("node_hwmon_sensor_label", "Label for given chip and sensor", "chip", "label", "sensor")
_FILE = re.compile(r"([^0-9]+)([0-9]*)(?:_(.+))?")
_KINDS = frozenset(
    [
        "vrm",
        "beep_enable",
        "update_interval",
        "in",
        "cpu",
        "fan",
        "pwm",
        "temp",
        "curr",
        "power",
        "energy",
        "humidity",
        "intrusion",
        "freq",
    ]
)
_WHOLE = {
    # Kinds that are one number: the family, and by what it is multiplied.
    "vrm": (gauge("node_hwmon_voltage_regulator_version", "Hardware voltage regulator", "chip", "sensor"), 1.0),
    "update_interval": (
        gauge("node_hwmon_update_interval_seconds", "Hardware monitor update interval", "chip", "sensor"),
        0.001,
    ),
}
_BEEP = gauge("node_hwmon_beep_enabled", "Hardware beep enabled", "chip", "sensor")
_FAN = frozenset({"input", "min", "max", "target"})
_INTERVALS = frozenset({"average_interval", "average_interval_min", "average_interval_max"})


def clean(text: str) -> str:
    """A name as node_exporter makes it: small letters, digits, `_` and `:`."""
    return re.sub("[^a-z0-9:_]", "_", text.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor, as `temp1`, with its files by what they tell: `input`, `max`, …; `` for the file of its own name."""

    chip: str
    name: str
    kind: str
    label: str
    files: dict[str, str]

    def read(self, held: Files, known: dict[str, Family], out: Exposition) -> None:
        """Write the present numbers; a file that cannot be read, or holds no number, is left out.

        Args:
            held: where the files are kept open.
            known: the families that were made, by name.
            out: where they go.
        """
        for element, path in self.files.items():
            text = held.text(path)
            family, sensor, value = self._sample(element, text)
            if family is None:
                continue
            family = known.setdefault(family.name, family)
            out.of(family).append(prefix(family.name, {"chip": self.chip, "sensor": sensor}) + number(value))

    def _sample(self, element: str, text: str) -> tuple[Family | None, str, float]:
        if self.kind == "beep_enable":
            return _BEEP, self.name, float(text == "1")
        try:
            value = float(text)
        except ValueError:
            return None, self.name, 0.0
        if self.kind in _WHOLE:
            family, factor = _WHOLE[self.kind]
            return (family if not element else None), self.name, value * factor
        if self.kind == "freq" and element == "input":
            # Graphics cards have several clocks; each is told apart by its label.
            family = self._gauge(f"{self._start(element)}_freq_mhz", "Hardware monitor for GPU frequency in MHz")
            return (family if self.label else None), clean(self.label), value / 1000000.0
        family, value = self._measured(element, value)
        return family, self.name, value

    def _start(self, element: str) -> str:
        """`node_hwmon_temp_max`; the value itself, `input`, has no word of its own unless there is a file without one."""
        if not element or (element == "input" and "" not in self.files):
            return f"node_hwmon_{self.kind}"
        return f"node_hwmon_{self.kind}_{clean(element)}"

    def _gauge(self, name: str, text: str) -> Family:
        return gauge(name, text, "chip", "sensor")

    def _measured(self, element: str, value: float) -> tuple[Family, float]:
        """The family with its unit, and the number in that unit."""
        kind, start = self.kind, self._start(element)
        if element in ("fault", "alarm"):
            return self._gauge(start, f"Hardware sensor {element} status ({kind})"), value
        if element == "beep":
            return self._gauge(f"{start}_enabled", "Hardware monitor sensor has beeping enabled"), value
        if kind in ("in", "cpu"):
            return self._gauge(f"{start}_volts", f"Hardware monitor for voltage ({element})"), value * 0.001
        if kind == "temp" and element != "type":
            text = f"Hardware monitor for temperature ({element or 'input'})"
            return self._gauge(f"{start}_celsius", text), value * 0.001
        if kind == "curr":
            return self._gauge(f"{start}_amps", f"Hardware monitor for current ({element})"), value * 0.001
        if kind == "energy":
            text = f"Hardware monitor for joules used so far ({element})"
            return counter(f"{start}_joule_total", text, "chip", "sensor"), value / 1000000.0
        if kind == "power":
            return self._power(element, start, value)
        if kind == "humidity":
            text = (
                "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)"
                f" ({element})"
            )
            return self._gauge(start, text), value / 1000000.0
        if kind == "fan" and element in _FAN:
            text = f"Hardware monitor for fan revolutions per minute ({element})"
            return self._gauge(f"{start}_rpm", text), value
        return self._gauge(start, f"Hardware monitor {kind} element {element}"), value

    def _power(self, element: str, start: str, value: float) -> tuple[Family, float]:
        if element == "accuracy":
            return self._gauge(start, "Hardware monitor power meter accuracy, as a ratio"), value / 1000000.0
        if element in _INTERVALS:
            text = f"Hardware monitor power usage update interval ({element})"
            return self._gauge(f"{start}_seconds", text), value * 0.001
        return self._gauge(f"{start}_watt", f"Hardware monitor for power usage in watts ({element})"), value / 1000000.0


def sensors_of(folder: str, chip: str, held: Files) -> list[Sensor]:
    """The sensors of a chip: those in its folder, and in its device's, where old drivers have them."""
    files: dict[str, tuple[str, dict[str, str]]] = {}
    for where in (folder, f"{folder}/device"):
        for name in names(where):
            match = _FILE.fullmatch(name)
            if match is not None and match[1] in _KINDS:
                sensor = f"{match[1]}{int(match[2] or 0)}"
                files.setdefault(sensor, (match[1], {}))[1][match[3] or ""] = f"{where}/{name}"
    found = []
    for name, (kind, elements) in sorted(files.items()):
        label = held.text(elements.pop("label")) if "label" in elements else ""
        found.append(Sensor(chip, name, kind, label, elements))
    return found
