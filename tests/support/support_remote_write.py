"""Many series' scrapes as remote write requests, quickly made: the labels' bytes stay, only moments and values are put in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import Labels
from support_metrics import packed, remote_series

A_TARGET = 100
"""Series of one target; each target has moments of its own."""
_MOST = 2000
"""Samples of a request, as Prometheus sends them (max_samples_per_send)."""
_FIRST = 1 << 40
"""A moment that takes six bytes, as all have that are sent."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A request without its moments and values."""

    data: NDArray[np.uint8]
    values: NDArray[np.int64]
    """Where each sample's 8 bytes are."""
    stamps: NDArray[np.int64]
    """Where the 6 bytes of its moment are."""
    targets: NDArray[np.int64]


class Load:
    """Counters and gauges of so many targets, each with a hundred series.

    Of the series 40 % are constant, 30 % are counters of whole numbers, 20 % gauges with two decimals, and 10 % floats.

    Args:
        series: how many, at least a hundred.
        interval: milliseconds between scrapes.
    """

    def __init__(self, series: int, interval: int = 15_000) -> None:
        self.labels = [_labels(number) for number in range(series)]
        self.interval = interval
        self._luck = np.random.default_rng(5)
        self._kind = np.arange(series) % 10
        self._values = np.round(self._luck.uniform(1, 1e6, series))
        self._frames = [_frame(self.labels, at) for at in range(0, series, _MOST)]
        self._offsets = np.arange(-(-series // A_TARGET)) * 37 % interval

    def values(self) -> NDArray[np.float64]:
        """The next of each series."""
        count, kind = len(self._values), self._kind
        counter, gauge, real = (kind >= 4) & (kind < 7), (kind >= 7) & (kind < 9), kind == 9
        self._values[counter] += self._luck.integers(0, 1500, counter.sum())
        self._values[gauge] = np.round(50 + self._luck.normal(0, 5, gauge.sum()), 2) + 0.01
        self._values[real] = self._luck.uniform(1, 2, real.sum())
        assert len(self._values) == count
        return self._values.copy()

    def moments(self, at: int) -> NDArray[np.int64]:
        """When each target is scraped, in the round that begins at `at` (Unix milliseconds)."""
        return self._offsets + at

    def requests(self, at: int) -> Iterator[bytes]:
        """One round of scrapes, packed."""
        values = self.values()
        stamps = _varints(self.moments(at))
        begin = 0
        for frame in self._frames:
            data = frame.data.copy()
            count = len(frame.values)
            raw = values[begin : begin + count].view(np.uint8).reshape(count, 8)
            data[frame.values[:, None] + np.arange(8)] = raw
            data[frame.stamps[:, None] + np.arange(6)] = stamps[frame.targets]
            begin += count
            yield packed(data.tobytes())

    def exposition(self, target: int, values: NDArray[np.float64]) -> bytes:
        """What a target would answer with these values (those of all series)."""
        begin = target * A_TARGET
        some = zip(self.labels[begin : begin + A_TARGET], values[begin : begin + A_TARGET].tolist(), strict=True)
        lines = []
        for labels, value in some:
            pairs = ",".join(f'{n}="{v}"' for n, v in labels if n not in ("__name__", "instance", "job"))
            lines.append(f"{dict(labels)['__name__']}{{{pairs}}} {value!r}\n")
        return "".join(lines).encode()


def _labels(number: int) -> Labels:
    target, place = divmod(number, A_TARGET)
    pairs = {
        "__name__": f"bench_{place % 10}_total",
        "cpu": str(place // 10),
        "instance": f"host{target}:9100",
        "job": "bench",
        "mode": f"mode{place % 10}",
    }
    return tuple(sorted(pairs.items()))


def _frame(labels: list[Labels], at: int) -> _Frame:
    some = labels[at : at + _MOST]
    whole = [remote_series(one, [(_FIRST, 1.0)]) for one in some]
    data = b"".join(b"\x0a" + _size(len(one)) + one for one in whole)
    ends = np.cumsum([1 + len(_size(len(one))) + len(one) for one in whole])
    targets = np.arange(at, at + len(some)) // A_TARGET
    return _Frame(np.frombuffer(data, np.uint8), ends - 15, ends - 6, targets)


def _size(length: int) -> bytes:
    return bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])


def _varints(moments: NDArray[np.int64]) -> NDArray[np.uint8]:
    parts = (moments[:, None] >> (7 * np.arange(6))) & 127
    parts[:, :5] |= 128
    return parts.astype(np.uint8)
