"""/sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power of the kernel): batteries and mains."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family, gauge, number, prefix
from paramedic_collector.files import names
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source

_PLAIN = {
    "authentic": "authentic",
    "calibrate": "calibrate",
    "capacity": "capacity",
    "capacity_alert_max": "capacity_alert_max",
    "capacity_alert_min": "capacity_alert_min",
    "cycle_count": "cyclecount",
    "online": "online",
    "present": "present",
    "time_to_empty_now": "time_to_empty_seconds",
    "time_to_full_now": "time_to_full_seconds",
}
_MICRO = {
    "current_now": "current_ampere",
    "energy_now": "energy_watthour",
    "voltage_now": "voltage_volt",
    "charge_now": "charge_ampere",
    "power_now": "power_watt",
} | {
    name: name
    for name in [
        "current_boot",
        "current_max",
        "energy_empty",
        "energy_empty_design",
        "energy_full",
        "energy_full_design",
        "voltage_boot",
        "voltage_max",
        "voltage_max_design",
        "voltage_min",
        "voltage_min_design",
        "voltage_ocv",
        "charge_control_limit",
        "charge_control_limit_max",
        "charge_counter",
        "charge_empty",
        "charge_empty_design",
        "charge_full",
        "charge_full_design",
        "charge_term_current",
        "constant_charge_current",
        "constant_charge_current_max",
        "constant_charge_voltage",
        "constant_charge_voltage_max",
        "precharge_current",
        "input_current_limit",
    ]
}
_TENTHS = {
    name: f"{name}_celsius"
    for name in (
        [
            "temp",
            "temp_alert_max",
            "temp_alert_min",
            "temp_ambient",
            "temp_ambient_max",
            "temp_ambient_min",
            "temp_max",
            "temp_min",
        ]
    )
}
_FILES = {
    file: (end, unit) for ends, unit in ((_PLAIN, 1.0), (_MICRO, 1e6), (_TENTHS, 10.0)) for file, end in ends.items()
}
"""File → the end of the family's name, and by what its number is divided."""
_TEXTS = (
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
)
_INFO = gauge("node_power_supply_info", "info of /sys/class/power_supply/<power_supply>.", "power_supply", *_TEXTS)


class PowerSupply(Source):
    """Batteries, mains and what they give."""

    name = "powersupplyclass"
    families = (
        _INFO,
        Family("node_power_supply_*", "gauge", "* value of /sys/class/power_supply/<power_supply>.", ("power_supply",)),
    )

    def __init__(self) -> None:
        self._wanted: Filter | None = None
        self._known: dict[str, Family] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if self._wanted is None:
            self._wanted = Filter(context.settings.powersupply.ignored_supplies)
        root = context.paths.sys("class/power_supply")
        for supply in filter(self._wanted, names(root)):
            labels = {"power_supply": supply}
            for file in names(f"{root}/{supply}"):
                if file in _FILES:
                    self._value(f"{root}/{supply}/{file}", *_FILES[file], labels, out)
            texts = {text: self.files.text(f"{root}/{supply}/{text}") for text in _TEXTS}
            info = labels | {label: text for label, text in texts.items() if text}
            out.of(_INFO).append(prefix(_INFO.name, info) + "1")

    def _value(self, path: str, end: str, unit: float, labels: dict[str, str], out: Exposition) -> None:
        value = self.files.number(path)
        if value is None:  # a battery that is being taken out answers ENODEV
            return
        family = self._known.get(end)
        if family is None:
            text = f"{end} value of /sys/class/power_supply/<power_supply>."
            family = self._known[end] = gauge(f"node_power_supply_{end}", text, "power_supply")
        out.of(family).append(prefix(family.name, labels) + number(value / unit))
