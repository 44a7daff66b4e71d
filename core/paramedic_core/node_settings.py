"""The settings of the collector's node sources: node_exporter's flags, under its names and with its defaults.

`--collector.filesystem.fs-types-exclude` there is `collector.filesystem.fs_types_exclude` here. A name is left out when
`…_exclude` matches anywhere in it, or when `…_include` is set and does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

Pattern = Annotated[str, "regular expression"]
"""A regular expression (Python's, which for these is RE2's); empty: none."""
_MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
_FS_TYPES = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    r"|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)
_NETSTAT = (
    r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)


@dataclass(frozen=True, slots=True)
class ArpSettings:
    """The source arp."""

    device_exclude: Pattern = ""
    """Interfaces to leave out."""
    device_include: Pattern = ""
    """The only interfaces to tell of."""


@dataclass(frozen=True, slots=True)
class CpuSettings:
    """The source cpu."""

    guest: bool = True
    """Whether to tell of the time spent in guests, `node_cpu_guest_seconds_total`."""
    info: bool = False
    """Whether to tell of each CPU's model, `node_cpu_info`."""
    info_flags_include: Pattern = ""
    """With `info`: which flags of the first CPU to tell of, `node_cpu_flag_info`."""
    info_bugs_include: Pattern = ""
    """With `info`: which bugs of the first CPU to tell of, `node_cpu_bug_info`."""


@dataclass(frozen=True, slots=True)
class DiskstatsSettings:
    """The source diskstats."""

    device_exclude: Pattern = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
    """Block devices to leave out."""
    device_include: Pattern = ""
    """The only block devices to tell of."""


@dataclass(frozen=True, slots=True)
class FilesystemSettings:
    """The source filesystem."""

    mount_points_exclude: Pattern = _MOUNT_POINTS
    """Mount points to leave out."""
    mount_points_include: Pattern = ""
    """The only mount points to tell of."""
    fs_types_exclude: Pattern = _FS_TYPES
    """Types of file systems to leave out."""
    fs_types_include: Pattern = ""
    """The only types of file systems to tell of."""


@dataclass(frozen=True, slots=True)
class HwmonSettings:
    """The source hwmon."""

    chip_exclude: Pattern = ""
    """Chips to leave out."""
    chip_include: Pattern = ""
    """The only chips to tell of."""
    sensor_exclude: Pattern = ""
    """Sensors to leave out, as `CHIP;SENSOR`."""
    sensor_include: Pattern = ""
    """The only sensors to tell of, as `CHIP;SENSOR`."""


@dataclass(frozen=True, slots=True)
class InterruptsSettings:
    """The source interrupts, which is off unless `enable` names it."""

    name_exclude: Pattern = ""
    """Interrupts to leave out, as `NAME;INFO;DEVICES`."""
    name_include: Pattern = ""
    """The only interrupts to tell of, as `NAME;INFO;DEVICES`."""
    include_zeros: bool = True
    """Whether to tell of those that a CPU never had."""


@dataclass(frozen=True, slots=True)
class NetclassSettings:
    """The source netclass."""

    ignored_devices: Pattern = "^$"
    """Interfaces to leave out."""
    ignore_invalid_speed: bool = False
    """Whether to leave out speeds that the kernel does not know (-1)."""


@dataclass(frozen=True, slots=True)
class NetdevSettings:
    """The source netdev."""

    device_exclude: Pattern = ""
    """Interfaces to leave out."""
    device_include: Pattern = ""
    """The only interfaces to tell of."""
    address_info: bool = True
    """Whether to tell of addresses, `node_network_address_info`; off in node_exporter."""


@dataclass(frozen=True, slots=True)
class NetstatSettings:
    """The source netstat."""

    fields: Pattern = _NETSTAT
    """Which fields to tell of, as `PROTOCOL_FIELD`."""


@dataclass(frozen=True, slots=True)
class PowersupplySettings:
    """The source powersupplyclass."""

    ignored_supplies: Pattern = "^$"
    """Power supplies to leave out."""


@dataclass(frozen=True, slots=True)
class RaplSettings:
    """The source rapl."""

    enable_zone_label: bool = False
    """Whether the zone is a label of `node_rapl_joules_total`, not a part of each family's name."""


@dataclass(frozen=True, slots=True)
class StatSettings:
    """The source stat."""

    softirq: bool = False
    """Whether to tell of soft interrupts by kind, `node_softirqs_total`."""


@dataclass(frozen=True, slots=True)
class SystemdSettings:
    """The source systemd, which is off unless `enable` names it."""

    unit_include: Pattern = ".+"
    """The only units to tell of; the whole name must match."""
    unit_exclude: Pattern = r".+\.(automount|device|mount|scope|slice)"
    """Units to leave out; the whole name must match."""
    enable_restarts_metrics: bool = False
    """Whether to tell how often each service was restarted, `node_systemd_service_restart_total`."""
    enable_start_time_metrics: bool = False
    """Whether to tell when each unit became active, `node_systemd_unit_start_time_seconds`."""
    bus: str = "/run/dbus/system_bus_socket"
    """The bus' socket, below `path_rootfs`."""
    private: bool = False
    """Whether `bus` is systemd's own socket (/run/systemd/private, for root only), and no bus."""


@dataclass(frozen=True, slots=True)
class TextfileSettings:
    """The source textfile."""

    directory: tuple[str, ...] = ()
    """Folders whose `*.prom` files are told on; each may be a pattern as in a shell. None: the source has nothing to say."""


@dataclass(frozen=True, slots=True)
class VmstatSettings:
    """The source vmstat."""

    fields: Pattern = "^(oom_kill|pgpg|pswp|pg.*fault).*"
    """Which fields to tell of."""
