"""udev's database (/run/udev/data, written by systemd-udevd): what a block device is called and made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paramedic_collector.exposition import Family
from paramedic_collector.files import read_text

FILESYSTEM = Family(
    "node_disk_filesystem_info",
    "gauge",
    "Info about disk filesystem.",
    ("device", "type", "usage", "uuid", "version"),
)
MAPPER = Family(
    "node_disk_device_mapper_info",
    "gauge",
    "Info about disk device mapper.",
    ("device", "lv_layer", "lv_name", "name", "uuid", "vg_name"),
)
_ATA = {
    "ID_ATA_WRITE_CACHE": Family("node_disk_ata_write_cache", "gauge", "ATA disk has a write cache.", ("device",)),
    "ID_ATA_WRITE_CACHE_ENABLED": Family(
        "node_disk_ata_write_cache_enabled", "gauge", "ATA disk has its write cache enabled.", ("device",)
    ),
    "ID_ATA_ROTATION_RATE_RPM": Family(
        "node_disk_ata_rotation_rate_rpm", "gauge", "ATA disk rotation rate in RPMs (0 for SSDs).", ("device",)
    ),
}
FAMILIES = (FILESYSTEM, MAPPER, *_ATA.values())


def properties(folder: str, major: str, minor: str) -> Mapping[str, str]:
    """The properties of a block device; none where udev does not run."""
    lines = read_text(f"{folder}/b{major}:{minor}").splitlines()
    pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
    return {name: value for name, _, value in pairs}


def identity(known: Mapping[str, str]) -> dict[str, str]:
    """The labels of `node_disk_info` that udev knows."""
    serial = known.get("SCSI_IDENT_SERIAL") or known.get("ID_SERIAL_SHORT") or known.get("ID_SERIAL", "")
    return {
        "path": known.get("ID_PATH", ""),
        "wwn": known.get("ID_WWN", ""),
        "model": known.get("ID_MODEL", ""),
        "serial": serial,
        "revision": known.get("ID_REVISION", ""),
    }


def samples(device: str, known: Mapping[str, str]) -> Iterator[tuple[Family, dict[str, str], float]]:
    """What else udev's properties say of a device."""
    if known.get("ID_FS_TYPE"):
        labels = {key: known.get(f"ID_FS_{key.upper()}", "") for key in ("type", "usage", "uuid", "version")}
        yield FILESYSTEM, {"device": device, **labels}, 1
    if known.get("DM_NAME"):
        labels = {key: known.get(f"DM_{key.upper()}", "") for key in ("lv_layer", "lv_name", "name", "uuid", "vg_name")}
        yield MAPPER, {"device": device, **labels}, 1
    if known.get("ID_ATA"):
        for key, family in _ATA.items():
            if known.get(key, "").isdigit():
                yield family, {"device": device}, int(known[key])
