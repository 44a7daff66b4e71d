"""An engine that is absent, broken, or something else is a state with a clear text, never a crash and never a hang."""

import contextlib
import os
import time

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.errors import EngineAway, NotAnEngine, NotFound, Permanent
from paramedic_core.model import Health, HealthCheck
from paramedic_core.world import EngineStatus
from paramedic_runtime.docker import DockerBackend
from paramedic_runtime.keeper import WorldKeeper
from paramedic_runtime.publish import Publisher
from paramedic_runtime.watch import Watch
from support_fake_engine import FakeEngine
from support_rigs import until


@pytest.fixture
def fake(tmp_path):
    with FakeEngine(tmp_path / "e.sock") as found:
        yield found


@pytest.fixture
def backend(fake):
    found = DockerBackend(fake.address, SystemClock(), timeout=1.0, own=frozenset())
    yield found
    found.close()


def well(backend):
    """Wait until it answers again: the read timeout here is short for a busy machine."""

    def answers():
        with contextlib.suppress(EngineAway):
            return backend.engine().connected

    until(answers, 20)


ALIEN = ["html", "forbidden", "garbage", "endless"]
BROKEN = ["silence", "empty", "half", "error", "trickle"]


@pytest.mark.parametrize("fault", ALIEN)
def test_what_is_no_engine_is_called_so(fake, backend, fault):
    fake.fault = fault
    before = time.monotonic()
    with pytest.raises(NotAnEngine, match=r"is not a Docker Engine: .*; set runtime\.engine"):
        backend.engine()
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("fault", BROKEN)
def test_what_does_not_answer_is_away(fake, backend, fault):
    fake.fault = fault
    before = time.monotonic()
    with pytest.raises(EngineAway, match=r"e\.sock"):
        backend.engine()
    assert time.monotonic() - before < 10
    fake.fault = ""
    well(backend)


@pytest.mark.parametrize("fault", ALIEN + BROKEN)
@pytest.mark.parametrize("where", ["/containers/json", "/events", "/images", "/info"])
def test_a_fault_anywhere_is_one_of_ours(fake, backend, fault, where):
    fake.engine.add("web", labels={"a": "b"})
    if where != "/info":
        well(backend)
    fake.fault, fake.fault_on = fault, where
    before = time.monotonic()
    with pytest.raises((EngineAway, NotAnEngine)):
        if where == "/info":
            backend.engine()
        elif where == "/events":
            backend.events(time.time() - 60)
        else:
            backend.containers()
    assert time.monotonic() - before < 10
    fake.fault = ""
    well(backend)
    assert [c.name for c in backend.containers()] == ["web"]


def test_no_socket_no_right_nobody_there(tmp_path):
    clock = SystemClock()

    def asked(address):
        with pytest.raises(EngineAway) as caught:
            DockerBackend(address, clock, timeout=0.5, own=frozenset()).engine()
        return str(caught.value)

    assert "start the engine (systemctl start docker)" in asked(f"unix://{tmp_path}/none.sock")
    file = tmp_path / "file"
    file.touch()
    assert "nobody listens" in asked(f"unix://{file}")
    assert "no address of an engine" in asked("ssh://somewhere")
    assert "no address of an engine" in asked("nonsense://x")
    assert asked("tcp://127.0.0.1:1")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody without rights")
def test_no_right_says_what_mends_it(fake):
    fake.path.chmod(0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(EngineAway, match="usermod -aG docker"):
            DockerBackend(fake.address, SystemClock(), own=frozenset()).engine()
    finally:
        os.seteuid(0)


def test_an_engine_that_is_too_old_or_podman(tmp_path):
    with FakeEngine(tmp_path / "o.sock", api="1.40") as fake, pytest.raises(NotAnEngine, match=r"older than 1\.41"):
        DockerBackend(fake.address, SystemClock(), own=frozenset()).engine()


def test_a_newer_engine_is_asked_in_what_we_speak(tmp_path):
    with FakeEngine(tmp_path / "n.sock", api="1.99") as fake:
        backend = DockerBackend(fake.address, SystemClock(), own=frozenset())
        assert backend.engine().api_version == "1.56"
        backend.close()


def test_a_refused_verb_has_the_engines_words(fake, backend):
    web = fake.engine.add("web", running=False)
    backend.engine()
    with pytest.raises(Permanent, match="not running"):
        backend.kill(web, "SIGKILL")
    with pytest.raises(NotFound, match="No such container"):
        backend.restart("nothing", 1)
    fake.fault, fake.fault_on = "error", "/containers/"
    with pytest.raises(Permanent, match=r"refused \(500\): something went wrong inside"):
        backend.start(web)


def test_a_verbs_deadline_is_later_than_the_stop_timeout(fake, backend):
    """The read timeout is 0.5 s here; a restart that takes 1.5 s of stopping still gets its answer."""
    web = fake.engine.add("web")
    fake.engine.hang(web)
    well(backend)
    before = time.monotonic()
    backend.restart(web, 1.5)
    assert time.monotonic() - before >= 1.5
    assert fake.engine.state_of(web).running


class TestTheWatch:
    @pytest.fixture
    def publisher(self):
        return Publisher("host1", SystemClock())

    @pytest.fixture
    def watch(self, backend, publisher):
        clock = SystemClock()
        found = Watch(WorldKeeper(backend, publisher, clock), clock, resync=0.3)
        found.start()
        yield found
        before = time.monotonic()
        found.stop()
        assert time.monotonic() - before < 5

    def test_away_and_back(self, fake, watch, publisher):
        web = fake.engine.add("web", health_check=HealthCheck())
        until(lambda: web in publisher.world.containers, 30)
        fake.gone()
        until(lambda: publisher.world.engine.status is EngineStatus.AWAY, 30)
        assert web in publisher.world.containers, "what was known stays known"
        assert not watch.ready().ready
        until(lambda: "start the engine" in watch.ready().reason, 30)
        assert watch.healthy().ready
        fake.engine.fail_health(web)
        fake.back()
        until(lambda: publisher.world.engine.connected, 30)
        assert publisher.world.containers[web].health is Health.UNHEALTHY

    @pytest.mark.parametrize("fault", ["silence", "html", "garbage", "empty", "half", "error"])
    def test_faults_come_and_go(self, fake, watch, publisher, fault):
        web = fake.engine.add("web", health_check=HealthCheck())
        until(lambda: web in publisher.world.containers, 30)
        fake.fault = fault
        until(lambda: publisher.world.engine.status is EngineStatus.AWAY, 30)
        assert publisher.world.engine.reason
        fake.fault = ""
        until(lambda: publisher.world.engine.connected, 30)
        assert publisher.world.containers[web].running

    def test_cut_streams_lose_nothing(self, fake, watch, publisher):
        web = fake.engine.add("web", health_check=HealthCheck())
        until(lambda: web in publisher.world.containers, 30)
        for _ in range(5):
            fake.engine.cut()
            fake.engine.fail_health(web)
            until(lambda: publisher.world.containers[web].health is Health.UNHEALTHY, 30)
            fake.engine.recover(web)
            until(lambda: publisher.world.containers[web].health is Health.HEALTHY, 30)

    def test_a_restart_of_the_daemon(self, fake, watch, publisher):
        kept = fake.engine.add("kept", restart_policy="always")
        lost = fake.engine.add("lost")
        until(lambda: len(publisher.world.containers) == 2, 30)
        fake.engine.daemon_restart(down=0.5)
        until(lambda: publisher.world.engine.status is EngineStatus.AWAY, 30)
        until(lambda: publisher.world.engine.connected, 30)
        assert publisher.world.containers[kept].running
        until(lambda: publisher.world.containers[lost].ending is not None, 30)
        assert publisher.world.containers[lost].ending.by == "unknown"

    def test_what_no_event_tells_the_next_list_does(self, fake, watch, publisher):
        web = fake.engine.add("web", health_check=HealthCheck())
        until(lambda: web in publisher.world.containers, 30)
        fake.engine.lose_events(lambda _event: True)
        fake.engine.fail_health(web)
        until(lambda: publisher.world.containers[web].health is Health.UNHEALTHY, 30)

    def test_a_second_start_of_the_socket_elsewhere(self, fake, watch, publisher):
        until(lambda: publisher.world.engine.connected, 30)
        for _ in range(3):
            fake.gone()
            until(lambda: publisher.world.engine.status is EngineStatus.AWAY, 30)
            fake.back()
            until(lambda: publisher.world.engine.connected, 30)
