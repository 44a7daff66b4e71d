"""/sys/class/nvme: controllers and their namespaces."""

from __future__ import annotations

import re

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import names
from paramedic_collector.source import Context, Source

_INFO = gauge(
    "node_nvme_info",
    "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
    *("cntlid", "device", "firmware_revision", "model", "serial", "state"),
)
_SPACE = gauge(
    "node_nvme_namespace_info", "Information about NVMe namespaces. Value is always 1", "ana_state", "device", "nsid"
)
_CAPACITY = gauge(
    "node_nvme_namespace_capacity_bytes",
    "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
    *("device", "nsid"),
)
_SIZE = gauge(
    "node_nvme_namespace_size_bytes",
    "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
    *("device", "nsid"),
)
_USED = gauge(
    "node_nvme_namespace_used_bytes",
    "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
    *("device", "nsid"),
)
_BLOCK = gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in"
    " /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
    *("device", "nsid"),
)
_NAMESPACE = re.compile(r"nvme\d+n(\d+)")


class Nvme(Source):
    """NVMe controllers by model and serial number, and the size of their namespaces."""

    name = "nvme"
    families = (_INFO, _SPACE, _CAPACITY, _SIZE, _USED, _BLOCK)

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("class/nvme")
        for device in names(root):
            folder = f"{root}/{device}"
            texts = {label: self.files.text(f"{folder}/{label}") for label in ("model", "serial", "state", "cntlid")}
            firmware = self.files.text(f"{folder}/firmware_rev")
            out.add(_INFO, 1, device=device, firmware_revision=firmware, **texts)
            for match in filter(None, map(_NAMESPACE.fullmatch, names(folder))):
                self._namespace(f"{folder}/{match[0]}", device, match[1], out)

    def _namespace(self, folder: str, device: str, number: str, out: Exposition) -> None:
        labels = {"device": device, "nsid": number}
        block = self.files.number(f"{folder}/queue/logical_block_size") or 0
        size = (self.files.number(f"{folder}/size") or 0) * block
        out.add(_SPACE, 1, ana_state=self.files.text(f"{folder}/ana_state") or "unknown", **labels)
        out.add(_CAPACITY, size, **labels)
        out.add(_SIZE, size, **labels)
        out.add(_USED, (self.files.number(f"{folder}/nuse") or 0) * block, **labels)
        out.add(_BLOCK, block, **labels)
