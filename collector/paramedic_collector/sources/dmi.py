"""/sys/class/dmi/id (Documentation/ABI/testing/sysfs-devices-virtual-dmi… of the kernel): who made this machine."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge, prefix
from paramedic_collector.files import read
from paramedic_collector.source import Context, Source

_LABELS = (
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
)
_INFO = gauge(
    "node_dmi_info",
    f"A metric with a constant '1' value labeled by {', '.join(_LABELS)} if provided by DMI.",
    *_LABELS,
)


class Dmi(Source):
    """The machine's maker, model and firmware; serial numbers only where they may be read."""

    name = "dmi"
    families = (_INFO,)

    def __init__(self) -> None:
        self._line: str | None = None

    def collect(self, context: Context, out: Exposition) -> None:
        if self._line is None:
            labels = _labels(context.paths.sys("class/dmi/id"))
            self._line = prefix(_INFO.name, labels) + "1" if labels else ""
        if self._line:
            out.of(_INFO).append(self._line)


def _labels(folder: str) -> dict[str, str]:
    found = {}
    for label in _LABELS:
        file = "sys_vendor" if label == "system_vendor" else label
        try:
            found[label] = read(f"{folder}/{file}").decode("utf-8", "replace").strip()
        except OSError:  # not given, or for root only
            continue
    return found
