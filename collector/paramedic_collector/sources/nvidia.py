"""NVIDIA GPUs under DCGM-exporter's names, and which container uses how much of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paramedic_collector.cadvisor import family
from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.labels import labels_of
from paramedic_collector.nvml import MIB, Gpu, GpuError, Nvml, memory_temperature
from paramedic_collector.owners import owners
from paramedic_collector.source import Context, Source

_LABELS = ("DCGM_FI_DRIVER_VERSION", "Hostname", "UUID", "device", "gpu", "modelName", "pci_bus_id")
_MIG = ("GPU_I_ID", "GPU_I_PROFILE")
_RETRY = 60.0
"""Seconds after which a library that could not be used is tried again."""


def _gauge(name: str, text: str, *labels: str, kind: str = "gauge") -> Family:
    return Family(f"DCGM_FI_DEV_{name}", kind, text, tuple(sorted((*_LABELS, *labels))), like="DCGM-exporter")


def _counter(name: str, text: str) -> Family:
    return _gauge(name, text, kind="counter")


_Read = Callable[[Any, Any], Sequence[float]]
_DEVICE: Mapping[str, tuple[tuple[Family, ...], _Read]] = {
    "sm clock": (
        (_gauge("SM_CLOCK", "SM clock, in MHz."),),
        lambda n, h: (n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM),),
    ),
    "memory clock": (
        (_gauge("MEM_CLOCK", "Memory clock, in MHz."),),
        lambda n, h: (n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_MEM),),
    ),
    "memory temperature": ((_gauge("MEMORY_TEMP", "Memory temperature, in °C."),), memory_temperature),
    "temperature": (
        (_gauge("GPU_TEMP", "GPU temperature, in °C."),),
        lambda n, h: (n.nvmlDeviceGetTemperature(h, n.NVML_TEMPERATURE_GPU),),
    ),
    "power": ((_gauge("POWER_USAGE", "Power draw, in W."),), lambda n, h: (n.nvmlDeviceGetPowerUsage(h) / 1000,)),
    "energy": (
        (_counter("TOTAL_ENERGY_CONSUMPTION", "Energy since the driver was loaded, in mJ."),),
        lambda n, h: (n.nvmlDeviceGetTotalEnergyConsumption(h),),
    ),
    "replays": (
        (_counter("PCIE_REPLAY_COUNTER", "PCIe retries."),),
        lambda n, h: (n.nvmlDeviceGetPcieReplayCounter(h),),
    ),
    "utilisation": (
        (_gauge("GPU_UTIL", "GPU utilisation, in %."), _gauge("MEM_COPY_UTIL", "Memory utilisation, in %.")),
        lambda n, h: ((found := n.nvmlDeviceGetUtilizationRates(h)).gpu, found.memory),
    ),
    "encoder": (
        (_gauge("ENC_UTIL", "Encoder utilisation, in %."),),
        lambda n, h: (n.nvmlDeviceGetEncoderUtilization(h)[0],),
    ),
    "decoder": (
        (_gauge("DEC_UTIL", "Decoder utilisation, in %."),),
        lambda n, h: (n.nvmlDeviceGetDecoderUtilization(h)[0],),
    ),
    "rows": (
        (
            _counter("CORRECTABLE_REMAPPED_ROWS", "Rows remapped for correctable errors."),
            _counter("UNCORRECTABLE_REMAPPED_ROWS", "Rows remapped for uncorrectable errors."),
            _gauge("ROW_REMAP_FAILURE", "Whether the remapping of rows has failed."),
        ),
        lambda n, h: ((found := n.nvmlDeviceGetRemappedRows(h))[0], found[1], found[3]),
    ),
}
_MEMORY: Mapping[str, tuple[tuple[Family, ...], _Read]] = {
    "memory": (
        tuple(
            _gauge(f"FB_{word}", f"Frame buffer memory {what}, in MiB.", *_MIG)
            for word, what in (("FREE", "free"), ("USED", "in use"), ("RESERVED", "reserved"))
        ),
        lambda n, h: (
            (found := n.nvmlDeviceGetMemoryInfo(h, version=n.nvmlMemory_v2)).free // MIB,
            found.used // MIB,
            found.reserved // MIB,
        ),
    )
}
_XID = _gauge("XID_ERRORS", "The last XID error; 0: there was none.")
_OF_GPU = ("UUID", "gpu", "modelName", *_MIG)
_USED = family("gauge", "gpu_memory_used_bytes", "GPU memory that its processes use.", *_OF_GPU, like="ours")
_SHARE = family(
    "gauge",
    "gpu_utilization_ratio",
    "Share of the GPU's time that its processes took since the last scrape.",
    *_OF_GPU,
    like="ours",
)
_PROCESSES = family("gauge", "gpu_processes", "Its processes on the GPU.", *_OF_GPU, like="ours")


class Nvidia(Source):
    """NVIDIA GPUs, and which container uses how much of them; nothing, and no library loaded, where there is none."""

    name = "nvidia"
    families = (
        *(f for group in (_DEVICE, _MEMORY) for families, _ in group.values() for f in families),
        _XID,
        _USED,
        _SHARE,
        _PROCESSES,
    )

    def __init__(self) -> None:
        super().__init__()
        self._nvml: Nvml | None = None
        self._gpus: list[Gpu] = []
        self._gone: list[Gpu] = []
        self._missing: list[str] = []
        self._why = ""
        self._tried = float("-inf")
        self._xids: dict[str, int] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        # The driver's own word, which is the host's in a container too: without it nothing is loaded.
        if not os.path.exists(context.paths.proc("driver/nvidia/version")):  # noqa: PTH110  every scrape
            self.close()
            return
        if self._nvml is None and not self._open(context.now):
            out.problem = self._why
            return
        assert self._nvml is not None
        problems = list(self._missing)
        for uuid, xid in self._nvml.xids():
            self._xids[uuid] = xid
        for gpu in self._gpus:
            try:
                self._one(self._nvml, gpu, context, out)
            except GpuError as error:
                problems.append(f"GPU {gpu.index} ({gpu.uuid}): {error}")
                out.add(_XID, self._xids.get(gpu.uuid, 0), **_labels(gpu, self._nvml.driver, context))
        for gpu in self._gone:
            out.add(_XID, self._xids.get(gpu.uuid, 0), **_labels(gpu, self._nvml.driver, context))
        if problems:
            out.problem = "; ".join(problems)[:500]
            if context.now - self._tried >= _RETRY:
                self.close()  # a GPU that was reset, or a driver that was loaded anew, is found by a new look

    def close(self) -> None:
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None
        super().close()

    def _open(self, now: float) -> bool:
        if 0 <= now - self._tried < _RETRY:
            return False
        self._tried, self._why, known = now, "", {gpu.index: gpu for gpu in (*self._gone, *self._gpus)}
        try:
            self._nvml = Nvml()
            self._gpus, self._missing = self._nvml.gpus()
        except FileNotFoundError:
            return False  # the driver without its library, as in a container that was not given it
        except GpuError as error:
            self.close()
            self._why = str(error)
            return False
        # What has fallen off the bus says no more who it is; its last XID is the one thing worth knowing of it.
        self._gone = [gpu for index, gpu in known.items() if index not in {g.index for g in self._gpus}]
        return True

    def _one(self, nvml: Nvml, gpu: Gpu, context: Context, out: Exposition) -> None:
        labels = _labels(gpu, nvml.driver, context)
        mine = Exposition()  # a GPU that is lost half-way has no series but its XID
        _put(mine, nvml, gpu, _DEVICE, labels)
        mine.add(_XID, self._xids.get(gpu.uuid, 0), **labels)
        parts = nvml.instances(gpu) or [gpu]
        shares = nvml.utilisation(gpu) if parts == [gpu] else {}
        for part in parts:
            _put(mine, nvml, part, _MEMORY, _labels(part, nvml.driver, context))
            _containers(nvml.processes(part), shares, part, context, mine)
        for of, lines in mine.lines.items():
            out.of(of).extend(lines)


def _put(
    out: Exposition,
    nvml: Nvml,
    gpu: Gpu,
    groups: Mapping[str, tuple[tuple[Family, ...], _Read]],
    labels: Mapping[str, str],
) -> None:
    values = nvml.values(gpu, {name: read for name, (_, read) in groups.items()})
    for name, numbers in values.items():
        for of, number in zip(groups[name][0], numbers, strict=True):
            out.add(of, number, **labels)


def _labels(gpu: Gpu, driver: str, context: Context) -> dict[str, str]:
    found = {
        "gpu": str(gpu.index),
        "UUID": gpu.uuid,
        "pci_bus_id": gpu.bus,
        "device": f"nvidia{gpu.minor}",
        "modelName": gpu.model,
        "Hostname": context.node,
        "DCGM_FI_DRIVER_VERSION": driver,
    }
    if gpu.instance >= 0:
        found |= {"GPU_I_ID": str(gpu.instance), "GPU_I_PROFILE": gpu.profile}
    return found


def _containers(
    memory: Mapping[int, int], shares: Mapping[int, float], gpu: Gpu, context: Context, out: Exposition
) -> None:
    """The processes of a GPU, by the container that each is in."""
    containers = context.world.containers if context.world is not None else {}
    sums: dict[str, list[float]] = {}
    for pid, container in owners(context.paths, memory, containers).items():
        found = sums.setdefault(container, [0, 0, 0])
        found[0] += memory[pid]
        found[1] += shares.get(pid, 0.0)
        found[2] += 1
    for identity, (used, share, count) in sums.items():
        labels = {
            **labels_of(containers[identity], context.labels),
            "gpu": str(gpu.index),
            "UUID": gpu.uuid,
            "modelName": gpu.model,
        }
        if gpu.instance >= 0:
            labels |= {"GPU_I_ID": str(gpu.instance), "GPU_I_PROFILE": gpu.profile}
        out.add(_USED, used, **labels)
        out.add(_PROCESSES, count, **labels)
        if gpu.instance < 0:
            out.add(_SHARE, min(1.0, share / 100), **labels)
