"""kill -9 at every fault point of every role, the whole of paramedic on a real engine: exactly one act a fault."""

import contextlib
import itertools
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support_paramedic import paramedic
from support_robust import (
    ROLES,
    Patient,
    all_back,
    ensure_supervised,
    fault_points,
    journals_whole,
    quick,
    wait_healed,
)
from support_supervisor import until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
# Reached only by a runtime that was killed in the middle of an act: that kill comes with them.
SECOND = {"recover.before_outcome": "verbs.after_act", "recover.after_outcome": "verbs.after_act"}
# Reached when a role starts: this role is killed while it is needed, and its next life, or the supervisor, dies at the point.
BIRTHS = ("child.before_build", "child.before_ready", "supervisor.after_fork")
POINTS = (
    "healer.before_write", "healer.after_write", "healer.before_act", "healer.after_act",
    "verbs.before_intent", "verbs.after_intent", "verbs.after_act", "verbs.after_outcome",
    "recover.before_outcome", "recover.after_outcome",
)  # fmt: skip


def test_every_point_in_the_tree_is_tried():
    # These have no part in a heal: their points are tried in tests/logs, tests/api and tests/metrics/tsdb.
    others = ("logs.", "messages.", "tsdb.")
    assert {*BIRTHS, *POINTS} == {point for point in fault_points() if not point.startswith(others)}


class Home:
    """One paramedic for several cases: all their points are armed, but kill only while a case has made their folders.

    Args:
        engine: where its patients live.
        running: the paramedic, not started yet.
        points: those of all cases.
        name: what its patients' names begin with.
    """

    def __init__(self, engine, running, points, name):
        self.engine, self.running, self.patients = engine, running, []
        self._marks, self._names = running.data.parent / "marks", (f"point-{name}-{n}" for n in itertools.count())
        self._env = {**os.environ, "PARAMEDIC_FAULTS": ",".join(f"{x}={self._marks}/{x}/killed" for x in points)}
        self._meanwhile = ThreadPoolExecutor(1)
        self._make_next()

    def start(self):
        """Begin."""
        self._marks.mkdir()
        self._marks.chmod(0o755)
        self.running.start(self._env)

    def next_patient(self):
        """One that is well; the next one is made meanwhile."""
        patient = self._coming.result()
        self._make_next()
        self.patients.append(patient)
        return patient

    def _make_next(self):
        self._making = next(self._names)
        self._coming = self._meanwhile.submit(Patient, self.engine, self._making)

    def arm(self, *points):
        """From now on these points kill, once each: before their folder is there, they cannot leave their mark."""
        for point in points:
            (self._marks / point).mkdir()
            (self._marks / point).chmod(0o777)

    def killed(self):
        """The points that have killed since they were armed."""
        return {mark.parent.name for mark in self._marks.glob("*/killed")}

    def disarm(self):
        """No point kills any more."""
        for folder in self._marks.iterdir():
            shutil.rmtree(folder)

    def ensure_supervised(self):
        """As a service manager: start it again, with its points, if it has ended. Returns whether it had."""
        return ensure_supervised(self.running, self._env)

    def end(self):
        """Leave nothing."""
        self._meanwhile.shutdown()
        self.engine.remove(self._making, *(x.name for x in self.patients))


@contextlib.contextmanager
def home(engine, name, roles, points):
    """A paramedic for a group of cases; in the end each of its patients must have been healed by one act."""
    with paramedic(engine.host, roles=roles, start=False, **quick()) as p:
        found = Home(engine, p, points, name)
        try:
            found.start()
            yield found
            # A second act on the last one, if one were under way, would show within the stop timeout.
            time.sleep(1.5)
            assert {x.name: x.restarts() for x in found.patients if x.restarts() != 1} == {}
            p.stop()
            journals_whole(p.data)
        finally:
            found.end()


class Homes:
    """The home of one group at a time."""

    def __init__(self, engine):
        self._engine, self._group, self._open = engine, None, contextlib.ExitStack()

    def of(self, group):
        """The one of this group; that of another is ended before."""
        if group != self._group:
            self.close()
            self._group, self._home = group, self._open.enter_context(home(self._engine, *group))
        return self._home

    def close(self):
        """End it."""
        self._group = None
        self._open.close()


@pytest.fixture(scope="module")
def homes(private_engine):
    # pytest would end a fixture with parameters after each case, though the next one has the same.
    found = Homes(private_engine)
    yield found
    found.close()


@pytest.fixture
def heal(homes, request):
    """A home, a container, and points to be armed; afterwards what must hold is checked."""
    group, point = request.param
    points = {point, SECOND.get(point, point)}
    found = homes.of(group)
    found.disarm()
    patient = found.next_patient()
    yield found, patient, points
    wait_healed(found.running, patient.name, point)
    all_back(found.running)
    assert found.killed() == points
    assert patient.restarts() == 1
    found.disarm()
    # The last one but one has been watched for a whole case more, and goes.
    found.engine.remove(*(x.name for x in found.patients[-2:-1]))


# A role is started again later each time that it ends soon: so there are not too many of the same role's deaths in one group.
GROUPS = [(part, ("runtime", "healer"), tuple(x for x in POINTS if x.startswith(part))) for part in ("healer", "verbs")]
GROUPS.append(("recover", ("runtime", "healer"), (*SECOND, "verbs.after_act")))
KILLED = [(group, point) for group in GROUPS for point in POINTS if point.startswith(group[0])]


@pytest.mark.parametrize("heal", KILLED, indirect=True, ids=[point for _, point in KILLED])
def test_killed_at(heal):
    found, patient, points = heal
    found.arm(*points)
    patient.sicken()
    patient.wait_restart()


CASES = [((("births", ROLES, BIRTHS), point), victim) for point in BIRTHS for victim in ROLES]


@pytest.mark.parametrize(
    ("heal", "victim"), CASES, indirect=["heal"], ids=[f"{point}-{victim}" for (_, point), victim in CASES]
)
def test_killed_while_it_starts_again(heal, victim):
    found, patient, points = heal
    patient.sicken()
    found.arm(*points)
    os.kill(found.running.pid(victim), signal.SIGKILL)
    until(lambda: found.killed() == points, "the point is reached")
    if "supervisor.after_fork" in points:
        assert found.running.process.wait(20) == -signal.SIGKILL
        assert found.ensure_supervised()
    patient.wait_restart()
