"""/proc/net/sockstat and sockstat6 (proc_pid_net(5)): sockets in use, and the memory of those of TCP and UDP."""

from __future__ import annotations

import resource

from paramedic_collector.exposition import Exposition, Family, gauge, number
from paramedic_collector.source import Context, Source

_USED = gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.")
_STATES = frozenset({b"inuse", b"orphan", b"tw", b"alloc", b"mem", b"memory"})
_PAGE = resource.getpagesize()


class Sockstat(Source):
    """Sockets by protocol and state."""

    name = "sockstat"
    families = (_USED, Family("node_sockstat_*", "gauge", "Number of * sockets in state *."))

    def __init__(self) -> None:
        self._paths: tuple[str, ...] = ()
        self._known: dict[tuple[bytes, bytes], tuple[Family, str]] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._paths:
            self._paths = tuple(context.paths.net(name) for name in ("sockstat", "sockstat6"))
        for path in self._paths:
            try:
                data = self.files.read(path, whole=True)
            except FileNotFoundError:  # one of the two protocols is switched off
                continue
            for line in data.splitlines():
                self._line(line, out)

    def _line(self, line: bytes, out: Exposition) -> None:
        protocol, _, rest = line.partition(b": ")
        words = rest.split()
        if protocol == b"sockets":
            out.add(_USED, int(words[1]))
            return
        for state, word in zip(words[::2], words[1::2], strict=True):
            if state not in _STATES:
                continue
            self._add(protocol, state, int(word), out)
            if state == b"mem":
                self._add(protocol, b"mem_bytes", int(word) * _PAGE, out)

    def _add(self, protocol: bytes, state: bytes, value: int, out: Exposition) -> None:
        known = self._known.get((protocol, state))
        if known is None:
            one, other = protocol.decode("ascii", "replace"), state.decode()
            name = f"node_sockstat_{one}_{other}"
            known = (gauge(name, f"Number of {one} sockets in state {other}."), f"{name} ")
            self._known[protocol, state] = known
        out.of(known[0]).append(known[1] + number(value))
