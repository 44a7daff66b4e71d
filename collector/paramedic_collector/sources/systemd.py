"""systemd's units, asked over D-Bus (org.freedesktop.systemd1(5)); any user may."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from paramedic_collector.dbus import Call, Connection, Refusal
from paramedic_collector.exposition import Exposition, counter, gauge
from paramedic_collector.source import Context, Source

_STATE = gauge("node_systemd_unit_state", "Systemd unit", "name", "state", "type")
_UNITS = gauge("node_systemd_units", "Summary of systemd unit states", "state")
_RUNNING = gauge("node_systemd_system_running", "Whether the system is operational (see 'systemctl is-system-running')")
_VERSION = gauge("node_systemd_version", "Detected systemd version", "version")
_VIRTUAL = gauge("node_systemd_virtualization_info", "Detected virtualization technology", "virtualization_type")
_STARTED = gauge("node_systemd_unit_start_time_seconds", "Start time of the unit since unix epoch in seconds.", "name")
_RESTARTS = counter("node_systemd_service_restart_total", "Service unit count of Restart triggers", "name")
_TRIGGERED = gauge("node_systemd_timer_last_trigger_seconds", "Seconds since epoch of last trigger.", "name")
_SOCKETS = {
    # Property → family; that of refusals is a gauge in node_exporter too.
    "NAccepted": counter(
        "node_systemd_socket_accepted_connections_total", "Total number of accepted socket connections", "name"
    ),
    "NConnections": gauge("node_systemd_socket_current_connections", "Current number of socket connections", "name"),
    "NRefused": gauge(
        "node_systemd_socket_refused_connections_total", "Total number of refused socket connections", "name"
    ),
}
_STATES = ("active", "activating", "deactivating", "inactive", "failed")
_NAME = "org.freedesktop.systemd1"
_MANAGER = "/org/freedesktop/systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_NUMBER = re.compile(r"[0-9]{3,}(\.[0-9]+)?")
_MOST = 10_000
"""Units looked at."""


class _Unit(NamedTuple):
    """What is read of one row of ListUnits."""

    name: str
    active: str
    path: str

    @property
    def kind(self) -> str:
        """`Service`, `Socket`, …: the last part of its interface's name."""
        return self.name.rpartition(".")[2].capitalize()


class Systemd(Source):
    """systemd's units by state, its timers and sockets."""

    name = "systemd"
    families = (
        *(_STATE, _UNITS, _RUNNING, _VERSION, _VIRTUAL, _STARTED, _RESTARTS, _TRIGGERED),
        *_SOCKETS.values(),
    )
    on = False

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._types: dict[str, str] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if self._connection is not None:
            try:
                self._all(self._connection, context, out)
            except ConnectionError:  # the bus or systemd was started anew since: that is no failure yet
                self.close()
                out.lines.clear()
            else:
                return
        path = context.paths.root(context.settings.systemd.bus)
        self._connection = Connection(path, bus=not context.settings.systemd.private)
        self._all(self._connection, context, out)

    def close(self) -> None:
        super().close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._types.clear()

    def _all(self, connection: Connection, context: Context, out: Exposition) -> None:
        try:
            self._read(connection, context, out)
        except (OSError, ValueError):
            self.close()
            raise

    def _read(self, connection: Connection, context: Context, out: Exposition) -> None:
        settings = context.settings.systemd
        name = "" if settings.private else _NAME
        version, virtual, state, listed = connection.ask(
            [_get(name, _MANAGER, "Manager", key) for key in ("Version", "Virtualization", "SystemState")]
            + [Call(_MANAGER, f"{_NAME}.Manager", "ListUnits", (), name)]
        )
        if isinstance(listed, Refusal):
            raise OSError(0, f"systemd does not list its units: {listed.name}")
        _manager(_value(version), _value(virtual), _value(state), out)
        rows = listed[0][:_MOST]
        counts = Counter([row[3] for row in rows])
        for known in sorted({*_STATES, *counts}):
            out.add(_UNITS, counts[known], state=known)
        include, exclude = re.compile(settings.unit_include), re.compile(settings.unit_exclude)
        units = [
            _Unit(row[0], row[3], row[6])
            for row in rows
            if row[2] == "loaded" and include.fullmatch(row[0]) and not exclude.fullmatch(row[0])
        ]
        self._states(connection, name, units, out)
        for wanted, kind, key, family, unit_of in (
            (True, "Timer", "LastTriggerUSec", _TRIGGERED, 1e6),
            (settings.enable_restarts_metrics, "Service", "NRestarts", _RESTARTS, 1),
            *((True, "Socket", key, family, 1) for key, family in _SOCKETS.items()),
        ):
            some = [unit for unit in units if unit.kind == kind] if wanted else []
            for unit, value in zip(some, _ask(connection, name, some, key), strict=True):
                if isinstance(value, int):
                    out.add(family, value / unit_of, name=unit.name)
        if settings.enable_start_time_metrics:
            times = _ask(connection, name, units, "ActiveEnterTimestamp", "Unit")
            for unit, since in zip(units, times, strict=True):
                if isinstance(since, int):
                    out.add(_STARTED, since / 1e6 if unit.active == "active" else 0, name=unit.name)

    def _states(self, connection: Connection, name: str, units: Sequence[_Unit], out: Exposition) -> None:
        """Each unit's state; its type is asked for once."""
        fresh = [unit for unit in units if unit.kind in ("Service", "Mount") and unit.path not in self._types]
        for unit, kind in zip(fresh, _ask(connection, name, fresh, "Type"), strict=True):
            self._types[unit.path] = kind if isinstance(kind, str) else ""
        for gone in self._types.keys() - {unit.path for unit in units}:
            del self._types[gone]
        for unit in units:
            for state in _STATES:
                kind = self._types.get(unit.path, "")
                out.add(_STATE, int(state == unit.active), name=unit.name, state=state, type=kind)


def _manager(version: object, virtual: object, state: object, out: Exposition) -> None:
    match = _NUMBER.search(str(version))
    out.add(_VERSION, float(match[0]) if match else 0, version=str(version) if match else "")
    out.add(_VIRTUAL, 1, virtualization_type=("unknown" if virtual is None else str(virtual) or "none"))
    out.add(_RUNNING, int(state == "running"))


def _get(destination: str, path: str, interface: str, key: str) -> Call:
    return Call(path, _PROPERTIES, "Get", (f"{_NAME}.{interface}", key), destination)


def _ask(connection: Connection, name: str, units: Sequence[_Unit], key: str, interface: str = "") -> list[object]:
    """A property of each unit; None where it has none, as when it has just gone."""
    calls = [_get(name, unit.path, interface or unit.kind, key) for unit in units]
    return [_value(answer) for answer in connection.ask(calls)]


def _value(answer: tuple[Any, ...] | Refusal) -> object:
    return None if isinstance(answer, Refusal) or not answer else answer[0]
