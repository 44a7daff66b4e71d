"""/sys/class/net (Documentation/ABI/testing/sysfs-class-net of the kernel): what each interface is, and whether it is up.

A walk over all of its files is the dearest part of node_exporter's scrape. So what changes seldom is read once a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from paramedic_collector.exposition import Exposition, Family, counter, gauge, number, prefix
from paramedic_collector.files import names, read_text
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source


def _property(name: str) -> Family:
    made = counter if name.endswith("_total") else gauge
    return made(f"node_network_{name}", f"Network device property: {name}", "device")


_UP = gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device")
_INFO = gauge(
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    *("address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"),
)
_SPEED = _property("speed_bytes")
_EACH_TIME = {
    "carrier": _property("carrier"),
    "carrier_changes": _property("carrier_changes_total"),
    "mtu": _property("mtu_bytes"),
}
_WITH_CHANGES = {
    # What can only be another when `carrier_changes`, their sum, is.
    "carrier_down_count": _property("carrier_down_changes_total"),
    "carrier_up_count": _property("carrier_up_changes_total"),
}
_SELDOM = {
    "addr_assign_type": _property("address_assign_type"),
    "dev_id": _property("device_id"),
    "dormant": _property("dormant"),
    "flags": _property("flags"),
    "ifindex": _property("iface_id"),
    "iflink": _property("iface_link"),
    "link_mode": _property("iface_link_mode"),
    "name_assign_type": _property("name_assign_type"),
    "netdev_group": _property("net_dev_group"),
    "tx_queue_len": _property("transmit_queue_length"),
    "type": _property("protocol_type"),
}
_TEXTS = ("address", "broadcast", "duplex", "ifalias")
_REFRESH = 60.0
"""Seconds for which what changes seldom is kept; a change of operstate or carrier renews it at once."""
_UP_FLAG = 1
"""IFF_UP."""


@dataclass(slots=True)
class _Interface:
    """What is kept of one interface."""

    starts: dict[Family, str]
    state: str = ""
    """operstate, as it was when the rest was read."""
    values: dict[str, int] = field(default_factory=dict)
    """Those of `_EACH_TIME` at the last scrape. What could not be read then is not asked for again until the rest is."""
    at: float = float("-inf")
    has_speed: bool = True
    lines: list[tuple[Family, str]] = field(default_factory=list)
    """Ready lines of what changes seldom."""
    changes: list[tuple[Family, str]] = field(default_factory=list)
    """Ready lines of `_WITH_CHANGES`."""


class Netclass(Source):
    """Each interface's state, speed, MTU and address."""

    name = "netclass"
    families = (_UP, _INFO, _SPEED, *_EACH_TIME.values(), *_WITH_CHANGES.values(), *_SELDOM.values())

    def __init__(self) -> None:
        self._wanted: Filter | None = None
        self._known: dict[str, _Interface] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if self._wanted is None:
            self._wanted = Filter(context.settings.netclass.ignored_devices)
        root = context.paths.sys("class/net")
        devices = set(filter(self._wanted, names(root)))
        for device in sorted(devices):
            known = self._known.get(device)
            if known is None:
                families = (_UP, _SPEED, *_EACH_TIME.values(), *_WITH_CHANGES.values(), *_SELDOM.values())
                known = _Interface({family: prefix(family.name, {"device": device}) for family in families})
                self._known[device] = known
            state = self.files.text(f"{root}/{device}/operstate")
            if state:  # else no interface: `bonding_masters` lies beside them
                self._one(f"{root}/{device}", state, known, context, out)
        for gone in self._known.keys() - devices:
            del self._known[gone]
            self.files.forget(f"{root}/{gone}")

    def _one(self, folder: str, state: str, known: _Interface, context: Context, out: Exposition) -> None:
        starts, before = known.starts, known.values
        out.of(_UP).append(starts[_UP] + ("1" if state == "up" else "0"))
        renew = state != known.state or not 0 <= context.now - known.at < _REFRESH
        read = {file: self.files.number(f"{folder}/{file}") for file in (_EACH_TIME if renew else before)}
        known.values = {file: value for file, value in read.items() if value is not None}
        if renew or known.values.get("carrier") != before.get("carrier"):
            known.lines = self._seldom(folder, state, starts)
            known.state, known.at, known.has_speed = state, context.now, True
        if renew or known.values.get("carrier_changes") != before.get("carrier_changes"):
            known.changes = _lines(folder, _WITH_CHANGES, starts)
        for file, value in known.values.items():
            family = _EACH_TIME[file]
            out.of(family).append(starts[family] + number(value))
        for family, line in known.lines + known.changes:
            out.of(family).append(line)
        if known.has_speed:
            # Megabits a second. One that is down has none (EINVAL), nor has one without a wire; some say -1.
            speed = self.files.number(f"{folder}/speed")
            known.has_speed = speed is not None
            if speed is not None and (speed >= 0 or not context.settings.netclass.ignore_invalid_speed):
                out.of(_SPEED).append(starts[_SPEED] + number(int(speed * 1000 * 1000 / 8)))

    def _seldom(self, folder: str, state: str, starts: dict[Family, str]) -> list[tuple[Family, str]]:
        flags = _number(f"{folder}/flags")
        texts = {text: read_text(f"{folder}/{text}") for text in _TEXTS}
        admin = "unknown" if flags is None else "up" if flags & _UP_FLAG else "down"
        info = {**texts, "device": folder.rpartition("/")[2], "operstate": state, "adminstate": admin}
        return [(_INFO, prefix(_INFO.name, info) + "1"), *_lines(folder, _SELDOM, starts)]


def _lines(folder: str, files: dict[str, Family], starts: dict[Family, str]) -> list[tuple[Family, str]]:
    """Ready lines of the numbers that there are."""
    return [
        (family, starts[family] + number(value))
        for file, family in files.items()
        if (value := _number(f"{folder}/{file}")) is not None
    ]


def _number(path: str) -> int | None:
    try:
        return int(read_text(path), 0)
    except ValueError:  # not there, or not for this kind of interface
        return None
