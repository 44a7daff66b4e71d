"""Against a dictionary: whatever is appended, sealed, merged, split and killed in whatever order, the same is found."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import threading
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paramedic_metrics.series import ABSENT, ABSENT_BITS, Labels, Matcher
from paramedic_metrics.tsdb import merge, window
from support_tsdb import ALL, EVER, Rig, Samples, bits_of, labels

SERIES = [labels(name=f"m{i % 4}", i=str(i)) for i in range(12)]
LATE = 300_000
FLOATS = st.one_of(
    st.floats(width=64),
    st.integers(-1000, 1000).map(lambda n: n / 10),
    st.integers(0, 2**64 - 1).map(lambda n: float(struct.unpack("<d", struct.pack("<Q", n))[0])),
).filter(lambda x: bits_of(x) != ABSENT_BITS)


class Model:
    """Prometheus' rules, one sample at a time."""

    def __init__(self) -> None:
        self.samples: Samples = {}
        self.last: dict[Labels, int] = {}
        self.newest = -(2**62)

    def add(self, series: Labels, t: int, value: float, now: int) -> str:
        if t > now + 600_000:
            return "out_of_bounds"
        last = self.last.get(series, -(2**62))
        held = self.samples.get((series, t))
        if t > last:
            self.last[series] = t
        elif t == last:
            return "same" if held == bits_of(value) else "duplicate"
        elif t < self.newest - LATE:
            return "too_old"
        elif held is not None:
            return "same"
        self.samples[series, t] = bits_of(value)
        return "stored"


class Machine(RuleBasedStateMachine):
    """The store and the model, side by side."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tsdb-model-"))
        self.rig = Rig(self.folder, out_of_order=LATE / 1000)
        self.ids = self.rig.store.ids(SERIES)
        self.plans = {}
        self.model = Model()

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.store.stop()
            shutil.rmtree(self.folder)

    @rule(
        group=st.integers(0, 2),
        members=st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True),
        values=st.lists(FLOATS, min_size=8, max_size=8),
        hole=st.integers(0, 20),
        step=st.sampled_from([0, 0.001, 1, 15, 15, 15]),
        times=st.sampled_from([1, 1, 1, 7]),
    )
    def scrape(self, group: int, members: list[int], values: list[float], hole: int, step: float, times: int) -> None:
        key = (group, *members)
        if key not in self.plans:
            self.plans[key] = self.rig.store.plan(f"scrape/{group}", self.ids[members])
        for number in range(times):
            self.rig.clock.advance(step)
            given = [v if number == 0 or v != v else v + number for v in values[: len(members)]]
            row = np.array(given)
            if hole < len(row):
                row[hole] = ABSENT
            now = self.rig.now
            said = [
                self.model.add(SERIES[m], now, v, now)
                for at, (m, v) in enumerate(zip(members, row.tolist(), strict=True))
                if at != hole
            ]
            self.model.newest = max(self.model.newest, now)
            self.check(self.rig.store.append(self.plans[key], now, row), said)

    @rule(
        given=st.lists(
            st.tuples(st.integers(4, 11), st.sampled_from([-700, -290, -100, -31, -15, -1, 0, 0, 0, 1, 700]), FLOATS),
            min_size=1,
            max_size=10,
        ),
        step=st.sampled_from([0, 1, 15, 15]),
    )
    def write(self, given: list[tuple[int, int, float]], step: float) -> None:
        self.rig.clock.advance(step)
        now = self.rig.now
        # A series that is scraped too has samples of this moment only: what is late is compared within its group.
        given = [(s, o if s > 7 else 0, v) for s, o, v in given]
        # Which of two values counts that came late for one moment is not promised (nor is it by Prometheus).
        said_before: dict[tuple[int, int], float] = {}
        given = [(s, o, self.value(s, now + 1000 * o, said_before.setdefault((s, o), v))) for s, o, v in given]
        ordered = sorted(given, key=lambda one: one[1])
        said = []
        for series, offset, value in ordered:
            said.append(self.model.add(SERIES[series], now + 1000 * offset, value, now))
        taken = {now + 1000 * o for (_, o, _), s in zip(ordered, said, strict=True) if s == "stored"}
        self.model.newest = max(self.model.newest, *taken, self.model.newest)
        times = np.array([now + 1000 * o for _, o, _ in given])
        outcome = self.rig.store.write(self.ids[[s for s, _, _ in given]], times, np.array([v for _, _, v in given]))
        assert sum((outcome.stored, outcome.same, outcome.refused)) == len(given)

    def value(self, series: int, t: int, otherwise: float) -> float:
        held = self.model.samples.get((SERIES[series], t))
        return otherwise if held is None else float(struct.unpack("<d", struct.pack("<Q", held))[0])

    @rule()
    def upkeep(self) -> None:
        self.rig.store.upkeep.turn()

    @rule()
    def seal(self) -> None:
        self.rig.store.upkeep.seal_all()

    @rule()
    def merged(self) -> None:
        merge.merge(self.rig.store, threading.Event())

    @rule(clear=st.booleans())
    def crash(self, clear: bool) -> None:
        if clear:
            self.rig.store.upkeep.seal_all()
        self.rig.crash()
        self.plans = {}
        assert self.rig.store.ids(SERIES).tolist() == self.ids.tolist()
        # What a new life no longer knows of is behind the window of late samples.
        self.rig.clock.advance(1500)
        self.model.last = {}

    def check(self, outcome: object, said: list[str]) -> None:
        for kind in ("stored", "same", "duplicate", "too_old", "out_of_bounds", "out_of_order"):
            assert getattr(outcome, kind) == said.count(kind), (kind, outcome, said)

    @invariant()
    def same(self) -> None:
        if hasattr(self, "rig"):
            assert self.rig.samples() == self.model.samples

    @rule(name=st.integers(0, 3), start=st.integers(-2000, 10), length=st.integers(0, 2000))
    def part(self, name: int, start: int, length: int) -> None:
        begin, end = self.rig.now + 1000 * start, self.rig.now + 1000 * (start + length)
        matchers = [Matcher("__name__", "=", f"m{name}")]
        wanted = {
            key: v
            for key, v in self.model.samples.items()
            if begin < key[1] <= end and dict(key[0])["__name__"] == f"m{name}"
        }
        assert self.rig.samples(matchers, begin, end) == wanted


def _small(monkey: dict[str, object]) -> None:
    for name, value in monkey.items():
        target, _, attribute = name.rpartition(".")
        setattr({"merge": merge, "window": window}[target], attribute, value)


_SLOW = os.environ.get("PARAMEDIC_SLOW") == "1"
Machine.TestCase.settings = settings(
    max_examples=400 if _SLOW else 40,
    stateful_step_count=60 if _SLOW else 40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class TestModel(Machine.TestCase):
    """With windows so small that they are full after a few samples."""

    def setUp(self) -> None:
        self.kept = {"merge.WINDOW": merge.WINDOW, "merge.ENOUGH": merge.ENOUGH, "window.WIDE": window.WIDE}
        _small({"merge.WINDOW": 10, "merge.ENOUGH": (2, 2), "window.WIDE": 4})

    def tearDown(self) -> None:
        _small(self.kept)


def test_everything_at_once(tmp_path: Path) -> None:
    """A fixed run, so that what the machine covers does not depend on luck alone."""
    rig = Rig(tmp_path)
    ids = rig.store.ids(SERIES)
    model = Model()
    for number in range(900):
        rig.clock.advance(15)
        values = np.array([float(number % (3 + i)) for i in range(12)])
        rig.store.write(ids, np.full(12, rig.now), values)
        for one, value in zip(SERIES, values.tolist(), strict=True):
            model.add(one, rig.now, value, rig.now)
        rig.store.upkeep.turn()
        if number % 100 == 99:
            rig.store.upkeep.seal_all()
    assert [p.level for p in rig.store.parts.all()].count(1) >= 1, "nothing was merged"
    assert rig.samples() == model.samples
    rig.crash()
    assert rig.samples(ALL, *EVER) == model.samples
    rig.store.stop()
