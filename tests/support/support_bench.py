"""What the benchmarks share: a private engine for one run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support_engine import SCRIPT, PrivateEngine


@contextmanager
def bench_engine() -> Iterator[PrivateEngine]:
    """A private engine; where none can be had, the run ends with the status of `scripts/engine`, which said why."""
    up = subprocess.run([SCRIPT, "up", "--owner", str(os.getpid())], stdout=subprocess.PIPE, text=True, check=False)
    if up.returncode:
        sys.exit(up.returncode)
    address = up.stdout.strip()
    folder = Path(address.removeprefix("unix://")).parent
    engine = PrivateEngine(folder, address)
    try:
        yield engine
    finally:
        engine.close()
        subprocess.run([SCRIPT, "down", folder], check=True)
