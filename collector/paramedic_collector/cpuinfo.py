"""/proc/cpuinfo, proc_cpuinfo(5): what each CPU is, for who asks for it (`collector.cpu.info`)."""

from __future__ import annotations

from collections.abc import Iterator

from paramedic_collector.exposition import Family, gauge, prefix
from paramedic_collector.filters import Filter
from paramedic_core.node_settings import CpuSettings

_INFO = gauge(
    "node_cpu_info",
    "CPU information from /proc/cpuinfo.",
    *("package", "core", "cpu", "vendor", "family", "model", "model_name", "microcode", "stepping", "cachesize"),
)
_FLAG = gauge(
    "node_cpu_flag_info", "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.", "flag"
)
_BUG = gauge(
    "node_cpu_bug_info", "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.", "bug"
)
FAMILIES = (_INFO, _FLAG, _BUG)
_KEYS = {
    "package": "physical id",
    "core": "core id",
    "cpu": "processor",
    "vendor": "vendor_id",
    "family": "cpu family",
    "model": "model",
    "model_name": "model name",
    "microcode": "microcode",
    "stepping": "stepping",
    "cachesize": "cache size",
}
"""Label → the field's name, on x86."""


def lines(text: str, settings: CpuSettings) -> list[tuple[Family, str]]:
    """The ready lines: they do not change while the machine runs.

    Args:
        text: the file.
        settings: which flags and bugs are wanted; an empty pattern: none.
    """
    cpus = list(_cpus(text))
    found = [
        (_INFO, prefix(_INFO.name, {label: cpu.get(key, "") for label, key in _KEYS.items()}) + "1") for cpu in cpus
    ]
    for family, field, pattern in (
        (_FLAG, "flags", settings.info_flags_include),
        (_BUG, "bugs", settings.info_bugs_include),
    ):
        words = cpus[0].get(field, "").split() if cpus and pattern else []
        wanted = Filter(include=pattern)
        found += [(family, prefix(family.name, {family.labels[0]: word}) + "1") for word in words if wanted(word)]
    return found


def _cpus(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        cpu = {key.strip(): value.strip() for key, _, value in pairs}
        if "processor" in cpu:
            yield cpu
