"""A nice process has one thread that is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from paramedic_core.sys.haste import in_haste

CODE = """
import os, threading
from paramedic_core.sys import haste

def nice():
    return os.getpriority(os.PRIO_PROCESS, 0)  # the calling thread's

before = nice()
haste.be_nice(7)
found = []
thread = threading.Thread(target=lambda: found.append(nice() - before))
thread.start()
thread.join()
print(nice() - before, *found, haste.in_haste(nice) - before, haste.in_haste(lambda: haste.in_haste(nice)) - before)
try:
    haste.in_haste(lambda: {}["lost"])
except KeyError as error:
    print(error)
print(haste.in_haste(threading.get_native_id) == haste.in_haste(threading.get_native_id) != threading.get_native_id())
"""


def test_one_thread_is_not_nice() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "7", "0", "0", "'lost'", "True"]


def test_where_nothing_is_nice_it_is_done_at_once() -> None:
    assert in_haste(os.getpid) == os.getpid()
    with pytest.raises(ZeroDivisionError):
        in_haste(lambda: 1 // 0)
