"""The same as np.unique and np.isin, and a store that takes scrapes without numpy.ma."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paramedic_metrics.tsdb.distinct import among, distinct

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
now = int(clock.now() * 1000)
for step in range(2):  # the second has some new series
    ids = store.ids([(("__name__", f"s{n}"),) for n in range(100 * step, 100 * step + 200)])
    store.append(store.plan("scrape/a", ids), now + step, np.ones(200))
store.stop()
print("numpy.ma" in sys.modules)
"""


@pytest.mark.parametrize("values", [[], [3], [3, 3, 3], [2, 1, 2, 0, 1], list(range(50)) * 2])
def test_each_once_and_in_order(values: list[int]) -> None:
    given = np.array(values, np.uint32)
    found = distinct(given)
    assert found.dtype == given.dtype
    assert found.tolist() == sorted(set(values))


@pytest.mark.parametrize("some", [[], [3], [9, 0, 3, 3], [4, 1], [7]])
def test_which_are_among_some(some: list[int]) -> None:
    values = np.array([3, 0, 7, 3, 5], np.uint32)
    assert among(values, np.array(some, np.uint32)).tolist() == [v in some for v in values.tolist()]
    assert among(values[:0], np.array(some, np.uint32)).tolist() == []


def test_scrapes_are_taken_without_masked_arrays(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRAPES, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
