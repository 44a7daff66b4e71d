"""adjtimex(2): how well the clock keeps time. Needs no right, since it only reads."""

from __future__ import annotations

import ctypes
import os
import struct

from paramedic_collector.exposition import Exposition, counter, gauge
from paramedic_collector.source import Context, Source

_FIELDS = struct.Struct("@I4li3l2ll2lil4li44x")
"""struct timex: modes, offset, freq, maxerror, esterror, status, constant, precision, tolerance, time (2), tick, ppsfreq,
jitter, shift, stabil, jitcnt, calcnt, errcnt, stbcnt, tai."""
_NAMES = [
    "modes",
    "offset",
    "freq",
    "maxerror",
    "esterror",
    "status",
    "constant",
    "precision",
    "tolerance",
    "sec",
    "usec",
    "tick",
    "ppsfreq",
    "jitter",
    "shift",
    "stabil",
    "jitcnt",
    "calcnt",
    "errcnt",
    "stbcnt",
    "tai",
]
_UNSYNCHRONISED = 5
"""TIME_ERROR, what the call returns while the clock follows no reference."""
_NANO = 0x2000
"""STA_NANO: offset and jitter are in nanoseconds, not microseconds."""
_SCALED = 1000000.0 * 65536.0
"""Parts per million with 16 bits after the point."""


_FAMILIES = {
    name: gauge(f"node_timex_{name}", text)
    for name, text in (
        ("sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
        ("offset_seconds", "Time offset in between local system and reference clock."),
        ("frequency_adjustment_ratio", "Local clock frequency adjustment."),
        ("maxerror_seconds", "Maximum error in seconds."),
        ("estimated_error_seconds", "Estimated error in seconds."),
        ("status", "Value of the status array bits."),
        ("loop_time_constant", "Phase-locked loop time constant."),
        ("tick_seconds", "Seconds between clock ticks."),
        ("pps_frequency_hertz", "Pulse per second frequency."),
        ("pps_jitter_seconds", "Pulse per second jitter."),
        ("pps_shift_seconds", "Pulse per second interval duration."),
        ("pps_stability_hertz", "Pulse per second stability, average of recent frequency changes."),
        ("tai_offset_seconds", "International Atomic Time (TAI) offset."),
    )
} | {
    name: counter(f"node_timex_{name}", text)
    for name, text in (
        ("pps_jitter_total", "Pulse per second count of jitter limit exceeded events."),
        ("pps_calibration_total", "Pulse per second count of calibration intervals."),
        ("pps_error_total", "Pulse per second count of calibration errors."),
        ("pps_stability_exceeded_total", "Pulse per second count of stability limit exceeded events."),
    )
}


class Timex(Source):
    """The clock's offset, its errors, and whether it follows a reference."""

    name = "timex"
    families = tuple(_FAMILIES.values())

    def __init__(self) -> None:
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def collect(self, context: Context, out: Exposition) -> None:  # noqa: ARG002  the clock is nobody's file
        buffer = ctypes.create_string_buffer(_FIELDS.size)
        state = self._adjtimex(buffer)
        if state < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"adjtimex: {os.strerror(code)}")
        for name, value in values(state, dict(zip(_NAMES, _FIELDS.unpack(buffer), strict=True))).items():
            out.add(_FAMILIES[name], value)


def values(state: int, timex: dict[str, int]) -> dict[str, float]:
    """The samples, by the end of their names.

    Args:
        state: what the call returned.
        timex: the fields of struct timex.
    """
    unit = 1e9 if timex["status"] & _NANO else 1e6
    return {
        "sync_status": int(state != _UNSYNCHRONISED),
        "offset_seconds": timex["offset"] / unit,
        "frequency_adjustment_ratio": 1 + timex["freq"] / _SCALED,
        "maxerror_seconds": timex["maxerror"] / 1e6,
        "estimated_error_seconds": timex["esterror"] / 1e6,
        "status": timex["status"],
        "loop_time_constant": timex["constant"],
        "tick_seconds": timex["tick"] / 1e6,
        "pps_frequency_hertz": timex["ppsfreq"] / _SCALED,
        "pps_jitter_seconds": timex["jitter"] / unit,
        "pps_shift_seconds": timex["shift"],
        "pps_stability_hertz": timex["stabil"] / _SCALED,
        "pps_jitter_total": timex["jitcnt"],
        "pps_calibration_total": timex["calcnt"],
        "pps_error_total": timex["errcnt"],
        "pps_stability_exceeded_total": timex["stbcnt"],
        "tai_offset_seconds": timex["tai"],
    }
