"""NVIDIA's management library, as plain values: which GPUs there are, what each says, who uses it.

The library is loaded only where the driver is. `nvidia-ml-py` has no types, so this is the one module that touches it.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

_MOST_GPUS = 64
_MOST_EVENTS = 256
_MEMORY_TEMP = 82  # NVML_FI_DEV_MEMORY_TEMP
_XID = 8  # nvmlEventTypeXidCriticalError
MIB = 1 << 20


class GpuError(OSError):
    """The library or a GPU does not work; `lost` says that a GPU has fallen off the bus."""

    def __init__(self, message: str, *, lost: bool = False) -> None:
        super().__init__(message)
        self.lost = lost


@dataclass(slots=True)
class Gpu:
    """A GPU, or one of the instances that MIG makes of it."""

    index: int
    uuid: str
    model: str
    bus: str
    minor: int
    handle: Any
    instance: int = -1
    """MIG's GPU instance id; negative for a whole GPU."""
    profile: str = ""
    """MIG's profile, as `1g.5gb`."""
    cannot: set[str] = field(default_factory=set)
    """Groups of values that it does not support, and is not asked for again."""
    seen: int = 0
    """Up to when its processes' utilisation was read, in the library's own time."""


class Nvml:
    """The library, loaded and initialised.

    Raises:
        FileNotFoundError: there is no such library here, or the driver is not loaded.
        GpuError: it cannot be initialised.
    """

    def __init__(self) -> None:
        self._nvml: Any = importlib.import_module("pynvml")
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            if error.value in (self._nvml.NVML_ERROR_LIBRARY_NOT_FOUND, self._nvml.NVML_ERROR_DRIVER_NOT_LOADED):
                raise FileNotFoundError(str(error)) from None
            raise GpuError(f"NVML cannot be initialised: {error}") from None
        self.driver = _text(self._nvml.nvmlSystemGetDriverVersion())
        self._events: Any = None
        self._listening: dict[int, str] = {}

    def close(self) -> None:
        """Let the library go. Its memory stays, as with every library."""
        try:
            if self._events is not None:
                self._nvml.nvmlEventSetFree(self._events)
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:
            return  # it was lost already, and that is why it is let go

    def gpus(self) -> tuple[list[Gpu], list[str]]:
        """All GPUs, and what is wrong with those that cannot be had.

        Raises:
            GpuError: the library does not answer at all.
        """
        found, problems = [], []
        with self._errors():
            count = self._nvml.nvmlDeviceGetCount()
        for index in range(min(count, _MOST_GPUS)):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                found.append(self._whole(index, handle))
                self._listen(found[-1])
            except self._nvml.NVMLError as error:
                problems.append(f"GPU {index}: {error}")
        return found, problems

    def instances(self, gpu: Gpu) -> list[Gpu]:
        """The instances that MIG has made of a GPU; none where it is off.

        Raises:
            GpuError: the GPU is lost.
        """
        found: list[Gpu] = []
        with self._errors():
            if not self._supported(lambda: self._nvml.nvmlDeviceGetMigMode(gpu.handle)[0] == 1, default=False):
                return []
            for number in range(self._nvml.nvmlDeviceGetMaxMigDeviceCount(gpu.handle)):
                try:
                    handle = self._nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu.handle, number)
                except self._nvml.NVMLError as error:
                    if error.value == self._nvml.NVML_ERROR_NOT_FOUND:
                        continue
                    raise
                identity = self._nvml.nvmlDeviceGetGpuInstanceId(handle)
                facts = self._nvml.nvmlDeviceGetAttributes(handle)
                profile = f"{facts.gpuInstanceSliceCount}g.{round(facts.memorySizeMB / 1024)}gb"
                found.append(Gpu(gpu.index, gpu.uuid, gpu.model, gpu.bus, gpu.minor, handle, identity, profile))
        return found

    def values(
        self, gpu: Gpu, groups: Mapping[str, Callable[[Any, Any], Sequence[float]]]
    ) -> dict[str, Sequence[float]]:
        """What a GPU says, by group; a group that it does not support is left out, for good.

        Raises:
            GpuError: it is lost.
        """
        found: dict[str, Sequence[float]] = {}
        for name, read in groups.items():
            if name in gpu.cannot:
                continue
            with self._errors():
                try:
                    found[name] = read(self._nvml, gpu.handle)
                except self._nvml.NVMLError as error:
                    if error.value in self._lost:
                        raise
                    if error.value in self._never:
                        gpu.cannot.add(name)
        return found

    def processes(self, gpu: Gpu) -> dict[int, int]:
        """Process → bytes of the GPU's memory; those of whole GPUs without MIG and of instances.

        Raises:
            GpuError: the GPU is lost.
        """
        found: dict[int, int] = {}
        for kind in ("Compute", "Graphics"):
            read = getattr(self._nvml, f"nvmlDeviceGet{kind}RunningProcesses")
            with self._errors():
                for process in self._supported(partial(read, gpu.handle), default=()):
                    found[process.pid] = max(found.get(process.pid, 0), process.usedGpuMemory or 0)
        return found

    def utilisation(self, gpu: Gpu) -> dict[int, float]:
        """Process → the mean share of the GPU's time, in percent, since the last call.

        Raises:
            GpuError: the GPU is lost.
        """
        with self._errors():
            samples = self._supported(
                lambda: self._nvml.nvmlDeviceGetProcessUtilization(gpu.handle, gpu.seen), default=()
            )
        found: dict[int, list[int]] = {}
        for sample in samples:
            if sample.timeStamp > gpu.seen and sample.smUtil <= 100:
                found.setdefault(sample.pid, []).append(sample.smUtil)
        gpu.seen = max([gpu.seen, *(sample.timeStamp for sample in samples)])
        return {pid: sum(shares) / len(shares) for pid, shares in found.items()}

    def xids(self) -> Iterator[tuple[str, int]]:
        """GPU's UUID and the XID of each critical error since the last call."""
        if self._events is None:
            return
        for _ in range(_MOST_EVENTS):
            try:
                event = self._nvml.nvmlEventSetWait(self._events, 0)
            except self._nvml.NVMLError:
                return  # none, or the GPU is lost: its own values say so
            uuid = self._listening.get(_address(event.device))
            if uuid is not None and event.eventType == _XID:
                yield uuid, int(event.eventData)

    @property
    def _lost(self) -> tuple[int, ...]:
        return (
            self._nvml.NVML_ERROR_GPU_IS_LOST,
            self._nvml.NVML_ERROR_UNINITIALIZED,
            self._nvml.NVML_ERROR_RESET_REQUIRED,
        )

    @property
    def _never(self) -> tuple[int, ...]:
        return (
            self._nvml.NVML_ERROR_NOT_SUPPORTED,
            self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
            self._nvml.NVML_ERROR_NO_PERMISSION,
        )

    def _whole(self, index: int, handle: Any) -> Gpu:
        minor = self._supported(lambda: self._nvml.nvmlDeviceGetMinorNumber(handle), default=index)
        bus = _text(self._nvml.nvmlDeviceGetPciInfo(handle).busId)
        names = _text(self._nvml.nvmlDeviceGetUUID(handle)), _text(self._nvml.nvmlDeviceGetName(handle))
        return Gpu(index, *names, bus, minor, handle)

    def _listen(self, gpu: Gpu) -> None:
        if self._events is None:
            self._events = self._nvml.nvmlEventSetCreate()
        self._supported(lambda: self._nvml.nvmlDeviceRegisterEvents(gpu.handle, _XID, self._events), default=None)
        self._listening[_address(gpu.handle)] = gpu.uuid

    def _supported(self, call: Callable[[], Any], *, default: Any) -> Any:
        try:
            return call()
        except self._nvml.NVMLError as error:
            if error.value in self._lost:
                raise
            return default

    def _errors(self) -> _Errors:
        return _Errors(self._nvml, self._lost)


class _Errors:
    """Turns the library's errors into ours."""

    def __init__(self, nvml: Any, lost: tuple[int, ...]) -> None:
        self._nvml, self._lost = nvml, lost

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._nvml.NVMLError):
            code = getattr(error, "value", 0)
            raise GpuError(str(error), lost=code in self._lost) from None


def memory_temperature(nvml: Any, handle: Any) -> Sequence[float]:
    """Of the memory, in °C; a field, not a call."""
    value = nvml.nvmlDeviceGetFieldValues(handle, [_MEMORY_TEMP])[0]
    if value.nvmlReturn:
        raise nvml.NVMLError(value.nvmlReturn)
    return (value.value.uiVal,)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
