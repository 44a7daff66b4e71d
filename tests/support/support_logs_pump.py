"""A real pump in a process of its own, to be killed: `python -m support_logs_pump STORE ENGINE SEAL_AFTER`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from paramedic_core.clock import SystemClock
from paramedic_logs import stats
from paramedic_logs.pipeline import Pipeline
from paramedic_logs.store.store import Store
from paramedic_logs.tail import Tails

if __name__ == "__main__":
    counters = stats.counters()
    store = Store(Path(sys.argv[1]), "host", SystemClock(), counters, 2 << 30, 1e9)
    store.catalogue.set_note("root_dir", sys.argv[2])
    pump = Pipeline(store, SystemClock(), counters, Tails(counters), Path("/"), float(sys.argv[3]))
    pump.start()
    print("up", flush=True)
    threading.Event().wait()
