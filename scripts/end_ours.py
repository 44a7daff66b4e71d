"""End every paramedic that runs from this checkout's .venv, and remove what a killed demo left in /tmp.

A process is ours when it was started from this .venv, or has a file of it mapped, and calls itself paramedic; nothing is ended by its name alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from itertools import pairwise
from pathlib import Path

VENV = Path(__file__).resolve().parent.parent / ".venv"


def ours() -> list[int]:
    """The processes, without this one and those that started it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            started = any(w.endswith(b"/bin/paramedic") for w in words[:3]) or b"paramedic.supervise" in words
            named = words[0].startswith(b"paramedic: ") or started or (b"-m", b"paramedic") in pairwise(words)
            here = words[0].startswith(f"{VENV}/".encode()) or f"{VENV}/" in (entry / "maps").read_text()
            if named and here and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def main() -> None:
    for number, patience in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 8.0)):
        for pid in ours():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while ours() and time.monotonic() < deadline:
            time.sleep(0.1)
    if left := ours():
        raise SystemExit(f"these do not end: {left}")
    for mark in Path("/tmp").glob("pmd-*/made-by"):
        if mark.read_text() == str(VENV):
            shutil.rmtree(mark.parent)


main()
