"""What is free goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paramedic_core.sys import processes

HOLES = """
import sys
from pathlib import Path
from paramedic_core.sys import processes

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

processes.one_pool()
blocks = [bytes(60_000) for _ in range(500)]
# The last one holds the top of the heap, so that what is below it is a hole.
blocks = blocks[-1:]
before = resident()
processes.give_back()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(processes._LIBC, "malloc_trim"), reason="this C library keeps no pools (musl)")
def test_holes_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20_000_000
