"""What a large query used is kept for the next one, and not for long."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.sys import processes
from paramedic_metrics.promql import memory
from paramedic_metrics.promql.engine import Engine
from support_series import MemorySeries, labels

NOW = 1_700_000_000_000
KEPT = """
from pathlib import Path
from paramedic_metrics.promql import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def use():
    blocks = [bytes(60_000) for _ in range(400)]
    blocks.clear()
    return resident()

memory.share()
before = resident()
without = use()
memory.keep(100.0)
kept = use()
memory.tidy(100.0 + memory.KEEP - 1)
still = resident()
memory.tidy(100.0 + memory.KEEP)
print(without - before, kept - before, still - before, resident() - before, use() - before)
"""


@pytest.mark.skipif(not hasattr(processes._LIBC, "malloc_trim"), reason="this C library keeps no pools (musl)")
def test_room_for_the_next_query_is_kept_for_some_seconds() -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    without, kept, still, tidied, after = map(int, done.stdout.split())
    assert min(kept, still) > 20_000_000
    assert max(without, tidied, after) < 12_000_000


def test_only_a_large_query_has_room_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[float] = []
    monkeypatch.setattr(memory, "keep", kept.append)
    clock = FakeClock()
    series = MemorySeries.of({labels("up", n=str(n)): [(NOW, float(n))] for n in range(300)})
    engine = Engine(series, clock=clock)
    engine.range("up", NOW, NOW + 10_000, 1_000)
    assert not kept
    engine.range("up", NOW, NOW + 1_000_000, 1_000)
    assert kept == [clock.monotonic()]
