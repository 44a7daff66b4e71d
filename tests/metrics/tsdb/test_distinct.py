"""The same as np.unique, and a store that takes scrapes without numpy.ma."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paramedic_metrics.tsdb.distinct import distinct

SCRAPES = """
import sys
from pathlib import Path
import numpy as np
from paramedic_core.clock import SystemClock
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.tsdb.store import Store

clock = SystemClock()
store = Store(Path(sys.argv[1]), MetricsSettings(), clock)
store.start()
plan = store.plan("scrape/a", store.ids([(("__name__", name),) for name in "abc"]))
store.append(plan, int(clock.now() * 1000), np.ones(3))
store.stop()
print("numpy.ma" in sys.modules)
"""


@pytest.mark.parametrize("values", [[], [3], [3, 3, 3], [2, 1, 2, 0, 1], list(range(50)) * 2])
def test_each_once_and_in_order(values: list[int]) -> None:
    given = np.array(values, np.uint32)
    found = distinct(given)
    assert found.dtype == given.dtype
    assert found.tolist() == sorted(set(values))


def test_scrapes_are_taken_without_masked_arrays(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRAPES, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
