"""One run of one container: where its numbers are, held open, and the beginnings of its lines."""

from __future__ import annotations

import errno
import os

from paramedic_collector.cgroup import Layout, folder, memberships
from paramedic_collector.exposition import Exposition, Family, label_pairs, number
from paramedic_collector.files import read
from paramedic_collector.labels import labels_of
from paramedic_collector.net import parse
from paramedic_collector.readings import CPU_TOTAL, FAMILIES, INACTIVE, LABELS, USAGE, WORKING_SET, readers
from paramedic_collector.source import Context
from paramedic_core.model import Container

LAST_SEEN = Family(
    "container_last_seen", "gauge", "Last time a container was seen by the exporter", LABELS, like="cAdvisor"
)
STARTED = Family(
    "container_start_time_seconds",
    "gauge",
    "Start time of the container since unix epoch in seconds.",
    LABELS,
    like="cAdvisor",
)


def _network(direction: str, noun: str, text: str) -> Family:
    labels = tuple(sorted((*LABELS, "interface")))
    return Family(f"container_network_{direction}_{noun}_total", "counter", text, labels, like="cAdvisor")


NETWORK: tuple[tuple[Family, int], ...] = (
    # Family and its column of net/dev.
    (_network("receive", "bytes", "Cumulative count of bytes received"), 0),
    (_network("receive", "packets", "Cumulative count of packets received"), 1),
    (_network("receive", "errors", "Cumulative count of errors encountered while receiving"), 2),
    (_network("receive", "packets_dropped", "Cumulative count of packets dropped while receiving"), 3),
    (_network("transmit", "bytes", "Cumulative count of bytes transmitted"), 8),
    (_network("transmit", "packets", "Cumulative count of packets transmitted"), 9),
    (_network("transmit", "errors", "Cumulative count of errors encountered while transmitting"), 10),
    (_network("transmit", "packets_dropped", "Cumulative count of packets dropped while transmitting"), 11),
)
_IGNORED = ("lo", "veth", "docker")
"""Interfaces by their beginnings, as in cAdvisor: with the host's network they are those of all others."""


class Run:
    """What is open for one run of a container.

    The process is held as a folder of /proc (O_PATH): a lookup below it fails once the process has ended, also when its
    number has been given to another. `net/dev` itself is opened for each read: its descriptor would keep the network
    namespace of a dead container alive.

    Raises:
        OSError: the process or its cgroup is gone (see `files.GONE`), or may not be read.
    """

    def __init__(self, context: Context, container: Container, where: Layout) -> None:
        self.key = (container.pid, container.started_at)
        self._pairs = label_pairs(labels_of(container, context.labels))
        self._starts = {family: f"{family.name}{{{self._pairs}}} " for family in (*FAMILIES, LAST_SEEN)}
        with_cpu = label_pairs({**labels_of(container, context.labels), "cpu": "total"})
        self._starts[CPU_TOTAL] = f"{CPU_TOTAL.name}{{{with_cpu}}} "
        self._started = f"{STARTED.name}{{{self._pairs}}} {number(int(container.started_at))}"
        self._interfaces: dict[str, list[str]] = {}
        # The network of `container:OTHER` is counted there; the process of this one shows the same numbers.
        self._own_network = not container.network_mode.startswith("container:")
        self._labels = labels_of(container, context.labels)
        self._process = os.open(context.paths.proc(str(container.pid)), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            members = memberships(read("cgroup", dir_fd=self._process))
            self._readers = readers(bool(where.unified), lambda name: folder(where, members, name, container.id))
            if not self._readers:
                raise OSError(errno.ESRCH, f"process {container.pid} has no cgroup of container {container.short_id}")
        except OSError:
            os.close(self._process)
            raise
        self.size = len(self._readers) + 1
        """Descriptors that it may hold."""

    def values(self) -> dict[Family, float]:
        """The present numbers of the cgroup.

        Raises:
            OSError: it has been removed (ENODEV), or may not be read.
        """
        found: dict[Family, float] = {}
        for reader in self._readers:
            found.update(reader.parse(reader.file.read()))
        inactive = found.pop(INACTIVE, 0)
        if USAGE in found:
            # Without the page cache that the kernel would drop first, and never below zero, as in cAdvisor.
            found[WORKING_SET] = max(0, found[USAGE] - inactive)
        return found

    def network(self) -> dict[str, list[bytes]]:
        """The rows of net/dev that count; none when it is another container's network.

        Raises:
            OSError: the process has ended.
        """
        if not self._own_network:
            return {}
        rows = parse(read("net/dev", dir_fd=self._process))
        return {name: row for name, row in rows.items() if not name.startswith(_IGNORED)}

    def write(self, values: dict[Family, float], network: dict[str, list[bytes]], now: float, out: Exposition) -> None:
        """The lines of this run."""
        values[LAST_SEEN] = int(now)
        starts = self._starts
        for family, value in values.items():
            out.of(family).append(starts[family] + number(value))
        out.of(STARTED).append(self._started)
        for interface, row in network.items():
            lines = self._interfaces.get(interface)
            if lines is None:
                pairs = label_pairs({**self._labels, "interface": interface})
                lines = self._interfaces[interface] = [f"{family.name}{{{pairs}}} " for family, _ in NETWORK]
            for (family, column), start in zip(NETWORK, lines, strict=True):
                out.of(family).append(start + number(int(row[column])))

    def release(self) -> None:
        """Close the cgroup's files; the next read opens them again."""
        for reader in self._readers:
            reader.file.close()

    def close(self) -> None:
        """Close everything, for good."""
        self.release()
        os.close(self._process)
