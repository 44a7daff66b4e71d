"""/proc/net/netstat, snmp and snmp6 (proc_pid_net(5), Documentation/networking/snmp_counter.rst of the kernel)."""

from __future__ import annotations

from collections.abc import Iterator

from paramedic_collector.exposition import Exposition, Family, digits
from paramedic_collector.filters import Filter
from paramedic_collector.source import Context, Source

_SIX = (b"Ip6", b"Icmp6", b"UdpLite6", b"Udp6")
"""The protocols of snmp6; its lines have no blank between them and the field."""


class Netstat(Source):
    """Counters of IP, ICMP, TCP and UDP; which fields is a setting."""

    name = "netstat"
    families = (Family("node_netstat_*", "untyped", "Statistic *."),)

    def __init__(self) -> None:
        self._paths: tuple[str, ...] = ()
        self._wanted = Filter()
        self._columns: dict[bytes, list[tuple[int, Family, str]]] = {}
        self._fields: dict[bytes, tuple[Family, str] | None] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._paths:
            self._wanted = Filter(include=context.settings.netstat.fields)
            self._paths = tuple(context.paths.net(name) for name in ("netstat", "snmp", "snmp6"))
        for path in self._paths[:2]:
            self._pairs(path, out)
        try:
            six = self.files.read(self._paths[2])
        except FileNotFoundError:  # IPv6 is switched off
            return
        for line in six.splitlines():
            key, value = line.split()
            known = self._fields.get(key, self)
            if known is self:
                known = self._fields[key] = _six(key, self._wanted)
            if isinstance(known, tuple):
                out.of(known[0]).append(known[1] + digits(value))

    def _pairs(self, path: str, out: Exposition) -> None:
        """Lines come in pairs: the names of a protocol's fields, then their values."""
        lines = self.files.read(path, whole=True).splitlines()
        for head, values in zip(lines[::2], lines[1::2], strict=True):
            columns = self._columns.get(head)
            if columns is None:
                columns = self._columns[head] = list(_columns(head, self._wanted))
            if not columns:
                continue
            words = values.split()
            if words[0] != head.partition(b" ")[0]:
                raise ValueError(f"{path} has a line of {words[0][:40]!r} where one of {head[:40]!r} was due")
            for column, family, start in columns:
                out.of(family).append(start + digits(words[column]))


def _columns(head: bytes, wanted: Filter) -> Iterator[tuple[int, Family, str]]:
    protocol, *fields = head.decode("ascii", "replace").split()
    for column, field in enumerate(fields, 1):
        found = _family(protocol.rstrip(":"), field, wanted)
        if found is not None:
            yield column, *found


def _six(key: bytes, wanted: Filter) -> tuple[Family, str] | None:
    protocol = next((p for p in _SIX if key.startswith(p)), None)
    if protocol is None:
        return None
    return _family(protocol.decode(), key[len(protocol) :].decode("ascii", "replace"), wanted)


def _family(protocol: str, field: str, wanted: Filter) -> tuple[Family, str] | None:
    key = f"{protocol}_{field}"
    if not wanted(key):
        return None
    return Family(f"node_netstat_{key}", "untyped", f"Statistic {protocol}{field}."), f"node_netstat_{key} "
