"""Twenty kill -9 at random moments of twenty heals, the supervisor among the victims: exactly one act a fault."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support_paramedic import paramedic
from support_robust import ROLES, Patient, all_back, ensure_supervised, journals_whole, quick, wait_healed
from support_supervisor import until

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
    names = [f"random-{number}" for number in range(len(victims))]
    try:
        # The next one is made while one is healed.
        with (
            paramedic(private_engine.host, roles=ROLES, **quick()) as p,
            ThreadPoolExecutor(1) as meanwhile,
        ):
            coming = meanwhile.submit(Patient, private_engine, names[0])
            for victim, following in zip(victims, [*names[1:], ""], strict=True):
                patient = coming.result()
                if following:
                    coming = meanwhile.submit(Patient, private_engine, following)
                patients.append(patient)
                delay = luck.uniform(0, LATEST)
                patient.sicken()
                time.sleep(delay)
                # On a slow machine it may be under way yet from the last time that it was killed.
                until(lambda victim=victim: kill(p, victim), f"{victim} is not running")
                ensure_supervised(p)
                patient.wait_restart()
                told = f"{victim} killed {delay:.2f} s after the fault of {patient.name} (seed {seed})"
                wait_healed(p, patient.name, told)
                assert patient.restarts() == 1, told
                # Not beside the next kill: an end that a runtime sees half of may look like a crash.
                private_engine.docker("stop", "-t", "0", patient.name)
            all_back(p)
            assert [x.restarts() for x in patients] == [1] * len(victims)
            p.stop()
            journals_whole(p.data)
    finally:
        private_engine.remove(*names)
