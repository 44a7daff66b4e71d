"""The engines that every backend test runs against."""

import itertools

import pytest

from paramedic_core.clock import SystemClock
from paramedic_runtime.docker import DockerBackend
from paramedic_runtime.memory import MemoryBackend
from support_fake_engine import FakeEngine
from support_rigs import MemoryRig, RealRig

_serial = itertools.count(1)


@pytest.fixture(params=["memory", "fake-1.41", "fake-1.56", pytest.param("real", marks=pytest.mark.engine)])
def rig(request, tmp_path):
    clock = SystemClock()
    if request.param == "memory":
        yield MemoryRig(MemoryBackend(clock))
    elif request.param == "real":
        engine = request.getfixturevalue("private_engine")
        backend = DockerBackend(f"unix://{engine.socket}", clock, own=frozenset())
        backend.engine()
        found = RealRig(engine, backend)
        yield found
        engine.remove(*found.names)
        for network in found.networks:
            engine.docker("network", "rm", network)
        backend.close()
    else:
        with FakeEngine(tmp_path / "e.sock", api=request.param.removeprefix("fake-"), clock=clock) as fake:
            backend = DockerBackend(fake.address, clock, own=frozenset())
            backend.engine()
            yield MemoryRig(fake.engine, backend)
            backend.close()


@pytest.fixture
def name():
    """A container name that no other test has."""
    return f"contract-{next(_serial)}"
