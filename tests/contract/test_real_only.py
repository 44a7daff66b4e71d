"""What only a real engine can show: its daemon dies and comes back, labels that merely come with an image, networks."""

import time

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.model import EndedBy, State
from paramedic_core.world import EngineStatus
from paramedic_runtime.docker import DockerBackend
from paramedic_runtime.keeper import WorldKeeper
from paramedic_runtime.publish import Publisher
from paramedic_runtime.store import BookStore
from paramedic_runtime.watch import Watch
from support_rigs import DEAF, LOOP, until

pytestmark = pytest.mark.engine


@pytest.fixture
def start(tmp_path):
    """Starts a watch on an engine; each call is a new life of the runtime role, with the same data."""
    watches = []

    def started(engine):
        clock = SystemClock()
        publisher = Publisher("host1", clock)
        backend = DockerBackend(f"unix://{engine.socket}", clock, own=frozenset())
        keeper = WorldKeeper(backend, publisher, clock, BookStore(tmp_path / "endings.json", clock))
        watch = Watch(keeper, clock, resync=1.0)
        watch.start()
        watches.append(watch)
        until(lambda: watch.ready().ready, 60)
        return watch, publisher

    yield started
    for watch in watches:
        watch.stop()


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_the_daemon_dies_and_comes_back(own_engine, start, kill):
    kept = own_engine.run("kept", "sh", "-c", LOOP, options=["--restart", "always", "--network", "none"])
    plain = own_engine.run("plain", "sh", "-c", LOOP, options=["--network", "none"])
    stopped = own_engine.run("stopped", "sh", "-c", LOOP, options=["--network", "none"])
    _, publisher = start(own_engine)
    own_engine.docker("stop", "stopped")
    until(lambda: publisher.world.containers[stopped].state is State.EXITED, 60)
    own_engine.stop_daemon(kill=kill)
    until(lambda: publisher.world.engine.status is EngineStatus.AWAY, 60)
    assert publisher.world.containers[kept].name == "kept"
    own_engine.start_daemon()
    until(lambda: publisher.world.engine.connected, 60)
    until(lambda: publisher.world.containers[kept].running, 60)
    until(lambda: publisher.world.containers[plain].state is State.EXITED, 60)
    time.sleep(2.5)  # Two lists more: what the first look said must still be said.
    world = publisher.world
    assert world.containers[kept].running
    assert world.containers[plain].ending.by in (EndedBy.SOMEONE, EndedBy.UNKNOWN), "nobody's crash was seen"
    assert world.containers[stopped].ending.by is EndedBy.SOMEONE


def test_a_label_that_only_the_image_has(private_engine):
    engine = private_engine
    engine.run("label-maker")
    tag = "paramedic/labelled:1"
    engine.docker("commit", "--change", "LABEL paramedic.heal=true autoheal=true", "label-maker", tag)
    backend = DockerBackend(f"unix://{engine.socket}", SystemClock(), own=frozenset())
    try:
        backend.engine()
        options = ["--label", "paramedic.heal=enforce", "--label", "mine=1", "--name", "label-own"]
        engine.docker("run", "-d", "--name", "label-image", tag, "sleep", "1000")
        engine.docker("run", "-d", *options, tag, "sleep", "1000")
        image, own = backend.inspect("label-image"), backend.inspect("label-own")
        assert image.own_label("paramedic.heal") is None
        assert image.own_label("autoheal") is None
        assert own.own_label("paramedic.heal") == "enforce"
        assert own.own_label("mine") == "1"
    finally:
        engine.remove("label-maker", "label-image", "label-own")
        engine.docker("rmi", "-f", tag, check=False)
        backend.close()


def test_a_person_stops_what_is_slow_to_stop_while_we_restart(private_engine, start):
    engine = private_engine
    target = engine.run("slow-stop", "sh", "-c", DEAF, options=["--network", "none"])
    watch, publisher = start(engine)
    until(lambda: target in publisher.world.containers, 60)
    engine.docker("kill", "-s", "TERM", "slow-stop")
    watch.stop()
    engine.docker("kill", "slow-stop")
    _, publisher = start(engine)
    seen = until(lambda: (c := publisher.world.containers.get(target)) and not c.running and c, 60)
    assert seen.ending.by is EndedBy.SOMEONE
    assert seen.ending.signal == "SIGKILL"
    engine.remove("slow-stop")


def test_the_users_own_network_and_limits(private_engine):
    engine = private_engine
    engine.docker("network", "create", "contract-net")
    backend = DockerBackend(f"unix://{engine.socket}", SystemClock(), own=frozenset())
    try:
        backend.engine()
        options = ["--network", "contract-net", "--network-alias", "shop", "--cpus", "0.5", "--stop-timeout", "3"]
        target = engine.run("net-a", options=[*options, "--expose", "80"])
        engine.run("net-b", options=["--network", "container:net-a"])
        listed = {c.name: c for c in backend.containers()}
        seen = listed["net-a"]
        (place,) = seen.endpoints
        assert place.network == "contract-net"
        assert place.address
        assert "shop" in place.aliases
        assert (seen.cpu_limit, seen.stop_timeout) == (0.5, 3.0)
        assert [(p.number, p.host_port) for p in seen.ports] == [(80, 0)]
        assert listed["net-b"].network_mode == f"container:{target}"
    finally:
        engine.remove("net-b", "net-a")
        engine.docker("network", "rm", "contract-net")
        backend.close()
