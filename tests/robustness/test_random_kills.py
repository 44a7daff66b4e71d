"""Twenty kill -9 at random moments of twenty heals, the supervisor among the victims: exactly one act a fault."""

import os
import random
import signal
import time

import pytest

from support_paramedic import paramedic
from support_robust import ROLES, Patient, all_back, ensure_supervised, journals_whole, quick, wait_healed

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
VICTIMS = ("runtime",) * 5 + ("healer",) * 5 + ("supervisor",) * 4 + ("hub", "collector", "dns") * 2
# From the fault to the end of the restart: noticed within 0.6 s, decided at once, 1 s of stop timeout.
LATEST = 2.2


def kill(running, victim):
    try:
        pid = running.process.pid if victim == "supervisor" else running.pid(victim)
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    if victim == "supervisor":
        running.process.wait(5)
    return True


def test_twenty_kills_at_random_during_heals(private_engine):
    seed = int(os.environ.get("PARAMEDIC_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"PARAMEDIC_TEST_SEED={seed}")
    luck = random.Random(seed)
    victims = list(VICTIMS)
    luck.shuffle(victims)
    patients = []
    try:
        with paramedic(private_engine.host, roles=ROLES, **quick()) as p:
            for number, victim in enumerate(victims):
                patient = Patient(private_engine, f"random-{number}")
                patients.append(patient)
                delay = luck.uniform(0, LATEST)
                patient.sicken()
                time.sleep(delay)
                assert kill(p, victim), f"{victim} was not running"
                ensure_supervised(p)
                patient.wait_restart()
                told = f"{victim} killed {delay:.2f} s after the fault of {patient.name} (seed {seed})"
                wait_healed(p, patient.name, told)
                assert patient.restarts() == 1, told
                private_engine.docker("stop", "-t", "0", patient.name)
            all_back(p)
            assert [x.restarts() for x in patients] == [1] * len(victims)
            p.stop()
            journals_whole(p.data)
    finally:
        private_engine.remove(*(x.name for x in patients))
