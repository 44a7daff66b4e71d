"""TCP connections by state, asked of the kernel with sock_diag(7).

/proc/net/tcp would be a line of text for each, in time that grows with the square of their number.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source
from paramedic_collector.views import own_network

_STATES = gauge("node_tcp_connection_states", "Number of connection states.", "state")
_NAMES = (
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
)
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST, _DUMP = 1, 0x300
_ERROR, _DONE = 2, 3
_HEAD = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBxI48x")
"""inet_diag_req_v2: family, protocol, extensions, states, and an empty inet_diag_sockid."""
_ANSWER = struct.Struct("=BB54xII")
"""inet_diag_msg: family, state, …, bytes received and not read, bytes sent and not acknowledged."""
_ALL = 0xFFF
_PATIENCE = 2.0
_MOST = 10_000_000
"""Connections looked at in one scrape."""


class Tcpstat(Source):
    """TCP connections by state, and the bytes in their queues."""

    name = "tcpstat"
    families = (_STATES,)
    on = False

    def collect(self, context: Context, out: Exposition) -> None:
        if not own_network(context.paths):
            raise OSError(errno.ENONET, "this is not the host's network namespace, and sock_diag(7) sees no other")
        counts: Counter[str] = Counter()
        families = [socket.AF_INET]
        if os.path.exists(context.paths.net("tcp6")):  # noqa: PTH110
            families.append(socket.AF_INET6)
        received = sent = 0
        for family in families:
            for state, unread, unsent in _connections(family):
                counts[_NAMES[state - 1] if 1 <= state <= len(_NAMES) else "unknown"] += 1
                received, sent = received + unread, sent + unsent
        for name, count in counts.items():
            out.add(_STATES, count, state=name)
        out.add(_STATES, received, state="rx_queued_bytes")
        out.add(_STATES, sent, state="tx_queued_bytes")


def _connections(family: int) -> Iterator[tuple[int, int, int]]:
    """State, unread and unacknowledged bytes of each.

    Raises:
        OSError: the kernel refuses.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(_PATIENCE)
        body = _ASK.pack(family, socket.IPPROTO_TCP, 0, _ALL)
        netlink.sendto(_HEAD.pack(_HEAD.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, 1, 0) + body, (0, 0))
        left = _MOST
        while left > 0:
            data = netlink.recv(1 << 16)
            at = 0
            while at + _HEAD.size <= len(data):
                length, kind, *_ = _HEAD.unpack_from(data, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", data, at + _HEAD.size)
                    raise OSError(-code, f"sock_diag: {os.strerror(-code)}")
                _, state, unread, unsent = _ANSWER.unpack_from(data, at + _HEAD.size)
                # A listening socket's numbers are its backlog and the most that it may be.
                yield state, unread, unsent
                left -= 1
                at += max(length + 3 & ~3, _HEAD.size)
