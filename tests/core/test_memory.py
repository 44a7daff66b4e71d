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


CODE = """
import hashlib, re, ssl
from pathlib import Path
from paramedic_core.sys import processes

def of_code():
    found = Path("/proc/self/smaps").read_text()
    return sum(int(n) for n in re.findall(r" r-xp .*libcrypto.*\\n(?:.*\\n)*?Rss: +(\\d+) kB", found))

ssl.create_default_context()
was = hashlib.sha3_512(b"x").hexdigest()
before = of_code()
size = processes.let_go_of_code()
after = of_code()
assert hashlib.sha3_512(b"x").hexdigest() == was
ssl.create_default_context()
print(size, before, after)
"""


def test_code_that_has_run_is_unmapped_and_runs_again() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    size, before, after = map(int, done.stdout.split())
    assert size > 1_000_000
    assert before > 0
    assert after < before / 2
