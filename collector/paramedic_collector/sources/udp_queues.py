"""/proc/net/udp and udp6 (proc_pid_net(5)): bytes that wait in the sockets."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source

_QUEUES = 4
"""The column of `tx:rx`, in hexadecimal bytes."""


class UdpQueues(Source):
    """Bytes in the queues of UDP sockets."""

    name = "udp_queues"
    families = (
        gauge("node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.", "ip", "queue"),
    )

    def __init__(self) -> None:
        self._paths: tuple[tuple[str, str], ...] = ()

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._paths:
            self._paths = tuple((ip, context.paths.net(name)) for ip, name in (("v4", "udp"), ("v6", "udp6")))
        for ip, path in self._paths:
            try:
                data = self.files.read(path)
            except FileNotFoundError:  # one of the two protocols is switched off
                continue
            sent = received = 0
            for line in data.splitlines()[1:]:
                queues = line.split(None, _QUEUES + 1)[_QUEUES]
                if queues != b"00000000:00000000":
                    one, _, other = queues.partition(b":")
                    sent, received = sent + int(one, 16), received + int(other, 16)
            out.add(self.families[0], sent, ip=ip, queue="tx")
            out.add(self.families[0], received, ip=ip, queue="rx")
