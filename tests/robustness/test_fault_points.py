"""kill -9 at every fault point of every role, the whole of paramedic on a real engine: exactly one act a fault."""

import os
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


@pytest.fixture
def heal(private_engine, request):
    """Paramedic with an armed point, and a container; afterwards what must hold is checked."""
    point, roles = request.param
    name = "point-" + "-".join((point, roles[-1])).replace(".", "-").replace("_", "-")
    try:
        with (
            ThreadPoolExecutor(1) as meanwhile,
            paramedic(private_engine.host, roles=roles, start=False, **quick()) as p,
        ):
            coming = meanwhile.submit(Patient, private_engine, name)
            p.marks, p.points = p.data.parent / "marks", {x for x in (point, SECOND.get(point)) if x}
            armed = ",".join(f"{x}={p.marks}/{x}" for x in p.points)
            p.start({**os.environ, "PARAMEDIC_FAULTS": armed})
            patient = coming.result()
            yield p, patient
            wait_healed(p, name, point)
            all_back(p)
            assert {m.name for m in p.marks.iterdir()} == p.points
            # A second act, if one were under way, would show within the stop timeout.
            time.sleep(1.5)
            assert patient.restarts() == 1
            p.stop()
            journals_whole(p.data)
    finally:
        private_engine.remove(name)


def arm(running):
    """From now on the points kill: until their folder is there, they cannot leave their mark."""
    running.marks.mkdir()
    running.marks.chmod(0o777)


@pytest.mark.parametrize("heal", [(point, ("runtime", "healer")) for point in POINTS], indirect=True, ids=POINTS)
def test_killed_at(heal):
    running, patient = heal
    arm(running)
    patient.sicken()
    patient.wait_restart()


CASES = [(point, (*(r for r in ROLES if r != victim), victim)) for point in BIRTHS for victim in ROLES]


@pytest.mark.parametrize("heal", CASES, indirect=True, ids=[f"{point}-{roles[-1]}" for point, roles in CASES])
def test_killed_while_it_starts_again(heal):
    running, patient = heal
    patient.sicken()
    arm(running)
    os.kill(running.pid(running.roles[-1]), signal.SIGKILL)
    until(lambda: set(os.listdir(running.marks)) == running.points, "the point is reached")
    if "supervisor.after_fork" in running.points:
        assert running.process.wait(5) == -signal.SIGKILL
        assert ensure_supervised(running)
    patient.wait_restart()
