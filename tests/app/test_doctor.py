"""`doctor`: each thing that can be missing is named, with what mends it."""

import dataclasses
import json
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from paramedic.doctor.base import BAD, OK, WARN, Facts, Role, Verdict, check, checks, examine
from paramedic.doctor.gather import gather
from paramedic_api import role as hub
from paramedic_core.clock import SystemClock
from paramedic_core.model import HealthCheck
from paramedic_core.settings import (
    CollectorSettings,
    HealerSettings,
    HubSettings,
    LogsSettings,
    Mode,
    RuntimeSettings,
    Settings,
)
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_core.world import Engine, EngineStatus, Hands
from support_console import container, sick, world
from support_tsdb import spoilt
from support_wait import wait_until


@pytest.fixture
def machine(tmp_path):
    """A machine on which all is well; its /proc and /sys are made up here."""
    for folder in ("proc/net", "sys/fs/cgroup", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("cpu io memory pids\n")
    (tmp_path / "proc/net/tcp").write_text("  sl  local_address rem_address   st\n")
    return Facts(
        data=tmp_path / "data",
        settings=Settings(),
        now=time.time(),
        uid=0,
        world=world(container("web", health_check=HealthCheck())),
        roles={name: Role("ready") for name in ("runtime", "collector", "healer", "hub")},
        proc=tmp_path / "proc",
        sys=tmp_path / "sys",
    )


def on(facts, **changes):
    return dataclasses.replace(facts, **changes)


def said(facts, name, level=None):
    """What one check says that is not well (or is of the level)."""
    found = [v for v in examine(facts) if v.name == name]
    return [v for v in found if (v.level != OK if level is None else v.level == level)]


def one(facts, name, level, *texts):
    """The one verdict of a check; it says all the texts, and how to mend it."""
    (verdict,) = said(facts, name)
    assert verdict.level == level
    assert verdict.mend
    for text in texts:
        assert text in verdict.what + "\n" + verdict.mend, text
    return verdict


def test_all_is_well(machine):
    found = [v for v in examine(machine) if v.level != OK and v.name != "clock"]
    assert not found


def test_every_check_has_a_name_of_its_own():
    assert len(checks()) >= 18
    with pytest.raises(ValueError, match="two checks"):
        check("engine")(lambda _facts: iter(()))


def test_a_check_that_fails_stops_no_other(machine):
    (machine.sys / "fs/cgroup/cgroup.controllers").unlink()
    (machine.sys / "fs/cgroup/cgroup.controllers").mkdir()
    assert "could not be looked at" in said(machine, "memory cgroup")[0].what
    assert said(machine, "roles", OK)


def test_nothing_runs(machine):
    facts = on(machine, world=None, roles={"runtime": Role("away", "it is not running")})
    one(facts, "roles", BAD, "does not run", f"paramedic run --data {machine.data}")


def test_roles(machine):
    facts = on(
        machine, roles={"runtime": Role("ready"), "hub": Role("away", "x"), "healer": Role("not ready", "no World")}
    )
    assert [v.level for v in said(facts, "roles")] == [BAD, WARN]


def test_no_rights(machine):
    facts = on(machine, world=None, roles={}, denied="no right to reach it")
    one(facts, "rights to ask", BAD, "sudo paramedic doctor")
    assert not said(facts, "roles")


def test_separation_and_hands(machine):
    facts = on(machine, world=world(hands=Hands(ready=False, reason="the disk is full")))
    one(facts, "separation", WARN, "not started as root", "sudo paramedic run")
    one(facts, "hands", BAD, "the disk is full")


def test_freeze(machine):
    (machine.data / "FREEZE").touch()
    one(machine, "FREEZE", WARN, "frozen", "paramedic freeze --off")
    facts = on(machine, freeze={"on": True, "by": "anna", "reason": "maintenance", "at": 1.0})
    one(facts, "FREEZE", WARN, "by anna", "maintenance", "since 1970")


def test_token_file(machine):
    path = machine.data / "tokens.json"
    path.write_text("{}")
    path.chmod(0o644)
    one(machine, "token file", BAD, "0644", f"chmod 0640 {path}")
    path.chmod(0o640)
    assert not said(machine, "token file")


def test_engine_away(machine):
    gone = Engine(EngineStatus.AWAY, reason="permission denied")
    one(on(machine, world=world(engine=gone)), "engine", BAD, "permission denied", "systemctl start docker")


def test_engine_socket_while_runtime_is_away(machine, tmp_path):
    def facts(address):
        return on(machine, world=None, settings=Settings(runtime=RuntimeSettings(engine=address)))

    path = tmp_path / "docker.sock"
    one(facts(f"unix://{path}"), "engine", BAD, "no engine's socket", "apt install docker.io")
    path.write_text("")
    one(facts(f"unix://{path}"), "engine", BAD, "is no socket")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert said(facts(f"unix://{path}"), "engine", OK)
    assert not said(facts("tcp://127.0.0.1:2375"), "engine")


def test_engine_kinds(machine):
    engine = machine.world.engine
    old = dataclasses.replace(engine, api_version="1.40")
    one(on(machine, world=world(engine=old)), "engine's API", BAD, "1.41", "upgrade")
    new = dataclasses.replace(engine, api_version="1.52")
    assert not said(on(machine, world=world(engine=new)), "engine's API")
    rootless = dataclasses.replace(engine, rootless=True)
    one(on(machine, world=world(engine=rootless)), "rootless", WARN, "cannot be reached")


def test_cgroups(machine):
    controllers = machine.sys / "fs/cgroup/cgroup.controllers"
    controllers.write_text("cpu io\n")
    one(machine, "memory cgroup", WARN, "memory cgroup is off", "cgroup_enable=memory")
    controllers.unlink()
    assert "cgroup v1" in said(machine, "cgroups", OK)[0].what
    header = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
    (machine.proc / "cgroups").write_text(header + "cpu\t2\t1\t1\nmemory\t0\t1\t0\n")
    one(machine, "memory cgroup", WARN, "reboot")
    (machine.proc / "cgroups").write_text(header + "memory\t3\t1\t1\n")
    assert not said(machine, "memory cgroup")
    (machine.sys / "fs/cgroup").rmdir()
    one(machine, "cgroups", BAD, "cannot be measured")


def test_disk(machine, monkeypatch):
    real = os.statvfs(machine.data)

    def full(free):
        values = list(real)
        values[4] = free // real.f_frsize
        monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(values))

    full(10 << 20)
    assert said(machine, "disk space")[0].level == BAD
    full(500 << 20)
    assert said(machine, "disk space")[0].level == WARN


def test_clock(machine):
    one(on(machine, now=1_000_000.0), "clock", BAD, "in the past", "timedatectl")
    ahead = on(machine, world=world(at=machine.now + 3600))
    one(ahead, "clock", WARN, "1h in the future")


def test_ports(machine):
    row = "   0: 0100007F:{:04X} 00000000:0000 {} 0\n"
    away = on(machine, roles={"hub": Role("away"), "collector": Role("ready")})
    (machine.proc / "net/tcp").write_text("head\n" + row.format(9110, "0A") + row.format(9112, "0A"))
    one(away, "ports", BAD, "hub.listen, 9110", "ss -ltnp")
    assert not said(machine, "ports")
    (machine.proc / "net/tcp").write_text("head\n" + row.format(9110, "01"))
    assert not said(away, "ports")
    off = Settings(hub=HubSettings(listen=""))
    assert not said(on(away, settings=off), "ports")


@pytest.mark.parametrize(
    "image",
    [
        "willfarrell/autoheal",
        "willfarrell/autoheal:1.2.0",
        "registry.example:5000/willfarrell/autoheal:latest",
        "containrrr/watchtower@sha256:0000",
        "ghcr.io/qmcgaw/deunhealth:v1",
    ],
)
def test_another_healer(machine, image):
    facts = on(machine, world=world(container("other", image=image, health_check=HealthCheck())))
    one(facts, "other healers: containers", WARN, "two healers", "docker stop other")


@pytest.mark.parametrize("image", ["autoheal-docs", "me/willfarrell", "nginx:autoheal", "mywillfarrell/autoheal"])
def test_what_is_no_healer(machine, image):
    facts = on(machine, world=world(container("other", image=image)))
    assert not said(facts, "other healers: containers")


def test_kubernetes(machine):
    pod = container("k8s_a", labels={"io.kubernetes.pod.name": "a"})
    one(on(machine, world=world(pod)), "other healers: Kubernetes", WARN, "k8s_a")
    (machine.proc / "17").mkdir()
    (machine.proc / "17/comm").write_text("kubelet\n")
    one(machine, "other healers: Kubernetes", WARN, "kubelet")


def test_another_paramedic(machine, tmp_path):
    def process(pid, title):
        (machine.proc / str(pid) / "fd").mkdir(parents=True)
        (machine.proc / str(pid) / "comm").write_text(title[:15] + "\n")

    name = "other healers: paramedic"
    process(20, "paramedic: runtime")
    process(21, "paramedic: healer")
    process(30, "paramedic: runtime")
    assert not said(machine, name), "nobody can say which is which"
    (machine.data / "run").mkdir()
    (machine.data / "run/runtime.pid").write_text("20\n")
    one(machine, name, WARN, "another paramedic runs on this host (its runtime is process 30)", "healer.max: observe")
    (machine.proc / "30/fd/7").symlink_to(tmp_path / "second/runtime/acts.db")
    one(machine, name, WARN, f"with the data directory {tmp_path}/second (")
    assert not said(on(machine, elsewhere=frozenset({"runtime"})), name)
    (machine.data / "run/runtime.pid").write_text("7\n")
    assert not said(machine, name), "a pid of another life: 20 or 30 may be this one"
    (machine.data / "run/runtime.pid").write_text("20\n")
    (machine.proc / "30/comm").unlink()
    assert not said(machine, name)


def test_health_checks(machine):
    facts = on(machine, world=world(container("a"), container("b"), sick("c"), container("me", is_self=True)))
    one(facts, "health checks", WARN, "2 of 3", "a, b", "healthcheck:")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("paramedic.heel", "did you mean paramedic.heal?"),
        ("paramedic_heal", "means nothing"),
        ("Paramedic.heal", "means nothing"),
        ("paramedic.scrape.prot", "paramedic.scrape.port"),
    ],
)
def test_misspelt_labels(machine, label, says):
    facts = on(machine, world=world(container("web", labels={label: "true"})))
    one(facts, "labels: spelling", WARN, says, "recreate")


def test_labels_that_mean_something(machine):
    labels = {
        "paramedic.heal": "enforce",
        "paramedic.dns.name": "x",
        "paramedic.logs.parse": "json",
        "com.example": "1",
    }
    facts = on(machine, world=world(container("web", labels=labels)))
    assert not said(facts, "labels: spelling")
    assert not said(facts, "labels: values")


def test_label_values(machine):
    wrong = container("web", labels={"paramedic.heal": "yes please"})
    one(on(machine, world=world(wrong)), "labels: values", WARN, "web:", "yes please", "paramedic heal enable shop/web")
    image = container("web", labels={"paramedic.heal": "true"}, image_labels=("paramedic.heal",))
    one(on(machine, world=world(image)), "labels: values", WARN, "came with the image")
    settled = Settings(healer=HealerSettings(services={"web": Mode.OFF}))
    assert not said(on(machine, world=world(wrong), settings=settled), "labels: values")


def test_containers_that_the_engine_removes(machine):
    name, heal = "containers run with --rm", {"paramedic.heal": "true"}
    passing = container("passing", labels=heal, auto_remove=True)
    one(on(machine, world=world(passing, container("web", labels=heal))), name, WARN, "passing", "without --rm")
    assert not said(on(machine, world=world(container("job", auto_remove=True))), name)


def test_services_that_are_not_here(machine):
    name = "services named in the configuration"
    settings = Settings(
        healer=HealerSettings(services={"shop/wbe": Mode.ENFORCE, "shop/web": Mode.OFF, "web": Mode.OFF})
    )
    one(on(machine, settings=settings), name, WARN, "healer.services speaks of shop/wbe", "did you mean shop/web?")
    one(
        on(machine, world=world(container("web"), grants={"gone": "enforce"})),
        name,
        WARN,
        "a grant speaks of gone",
        "reset gone",
    )
    away = world(engine=Engine(EngineStatus.AWAY), grants={"gone": "enforce"})
    assert not said(on(machine, world=away), name)


def test_log_drivers(machine):
    drivers = {"a": "json-file", "b": "journald", "c": "", "d": "none"}
    here = world(*(container(name, log_driver=driver) for name, driver in drivers.items()))
    one(on(machine, world=here), "log drivers", WARN, "b (journald), d (none)", "--log-driver json-file")
    assert not said(on(machine, world=world(container("a", log_driver="json-file"), container("c"))), "log drivers")


def test_shared_networks(machine):
    facts = on(machine, world=world(container("app", network_mode="container:" + "f" * 64, health_check=HealthCheck())))
    one(facts, "shared networks", WARN, "app lives in the network of ffffffffffff", "recreate app")


def test_the_command(run, stage):
    stage.world = world(sick("web"))
    answer = run("doctor", "-o", "json")
    found = [Verdict(**v) for v in json.loads(answer.out)]
    assert answer.status == 1
    assert any(v.name == "roles" and v.level == BAD for v in found)
    stage.up()
    stage.world = world(container("we\x1b[31mb"))
    answer = run("doctor")
    assert answer.status == 3
    assert "mend: give them one" in answer.out
    assert (answer.out + answer.err).replace("\n", "").isprintable()
    assert len(run("doctor", "--quiet").out) < len(answer.out)


def test_a_mark_alone_makes_no_container(stage, tmp_path, monkeypatch):
    """A machine that is a container has the mark; what runs beside the engine in it is in none of that engine's."""
    mark = tmp_path / ".dockerenv"
    monkeypatch.setattr("paramedic.doctor.gather._MARKS", (mark,))
    stage.world = world(container("web"))
    stage.up()
    assert not gather(stage.data, Settings()).contained
    mark.touch()
    assert not gather(stage.data, Settings()).contained
    stage.world = world(container("web"), container("paramedic", is_self=True))
    assert gather(stage.data, Settings()).contained
    stage.down("runtime")
    assert gather(stage.data, Settings()).contained, "nobody can say, and the mark is there"


def test_a_wrong_configuration_is_a_finding(run, stage, tmp_path):
    stage.up()
    path = tmp_path / "wrong.yaml"
    path.write_text("hub: {listen: 1}")
    answer = run("doctor", "-c", path)
    assert answer.status == 1
    assert f"mend: paramedic check config {path}" in answer.out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody without rights")
def test_without_rights(machine):
    pid = os.fork()
    if pid == 0:
        status = 9
        try:
            os.setgid(65534)
            os.setgroups([])
            os.setuid(65534)
            status = 0 if all(v.mend or v.level != BAD for v in examine(on(machine, uid=65534))) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_in_one_container_it_says_what_it_cannot_see_or_keep_apart(machine):
    ours = container("paramedic", is_self=True, network_mode="paramedic_default")
    every = (*machine.roles, "logs", "dns")
    alone = on(machine, contained=True, roles=dict.fromkeys(every, Role("ready")), world=world(ours))
    one(alone, "container: separation", WARN, "only user ids", "full.yaml")
    texts = [v.what for v in said(alone, "container: sight", WARN)]
    assert [text.partition(" ")[0] for text in texts] == ["the", "the", "names"]
    assert "CPU and memory not at all" in texts[0]
    assert "no lines are kept" in texts[1]
    assert "containers cannot ask it" in texts[2]


def test_in_the_full_form_it_says_that_all_is_well(machine):
    settings = Settings(
        collector=CollectorSettings(path_procfs="/host/proc", path_rootfs="/host"),
        logs=LogsSettings(path_rootfs="/host"),
    )
    ours = container("paramedic-roles", is_self=True, network_mode="host")
    full = on(
        machine, contained=True, elsewhere=frozenset({"runtime"}), settings=settings, world=world(ours),
        roles=dict.fromkeys((*machine.roles, "logs", "dns"), Role("ready")),
    )  # fmt: skip
    assert not said(full, "container: separation")
    assert said(full, "container: separation", OK)
    assert not said(full, "container: sight")


def test_on_the_host_containers_are_not_spoken_of(machine):
    assert not [v for v in examine(machine) if v.name.startswith("container:")]


def test_a_container_that_sees_little_of_its_host(machine, tmp_path):
    settings = Settings(collector=CollectorSettings(path_procfs=str(tmp_path / "proc")))
    one(on(machine, settings=settings), "the collector's view", WARN, "no process 1")
    (tmp_path / "proc/1").mkdir()
    (tmp_path / "proc/1/comm").write_text("sh\n")
    one(on(machine, settings=settings), "the collector's view", WARN, "a container's own")


def test_sources_that_there_are_not(machine):
    settings = Settings(collector=CollectorSettings(enable=("processes", "tcp_stat")))
    one(on(machine, settings=settings), "the collector's sources", WARN, "collector.enable", "'tcp_stat'", "tcpstat")
    assert said(machine, "the collector's sources") == []


def test_containers_that_the_collector_cannot_see(machine, tmp_path):
    """A /proc that is a container's own: the engine's numbers stand in, and the mount that gives the rest is named."""
    web = container("web", health_check=HealthCheck(), pid=4242)
    seen = dataclasses.replace(machine.settings.collector, path_procfs=str(machine.proc))
    blind = on(machine, world=world(web), settings=dataclasses.replace(machine.settings, collector=seen))
    (machine.proc / "1").mkdir()
    (machine.proc / "1/comm").write_text("paramedic\n")
    (verdict,) = [v for v in said(blind, "the collector's view", WARN) if "once a minute" in v.what]
    assert "collector.path_procfs" in verdict.mend
    (machine.proc / "4242").mkdir()
    (machine.proc / "4242/cgroup").write_text(f"0::/docker/{web.id}\n")
    assert not any("once a minute" in v.what for v in said(blind, "the collector's view"))


def test_damaged_metrics(machine):
    facts = on(machine, damage="Stored metrics are damaged: parts/1.part")
    one(facts, "stored metrics", WARN, "parts/1.part", f"paramedic tsdb check --data {machine.data}")
    assert said(machine, "stored metrics", OK)
    assert not said(on(machine, roles={"hub": Role("away")}), "stored metrics", OK)


def test_damaged_files_that_are_kept(machine):
    folder = machine.data / "metrics/damaged"
    folder.mkdir(parents=True)
    assert not said(machine, "damaged files that are kept")
    (folder / "00000001-0.block").write_bytes(b"12345")
    one(machine, "damaged files that are kept", WARN, "1 damaged pieces", "5 bytes", f"rm -r {folder}")


def test_a_hub_says_what_is_damaged():
    with tempfile.TemporaryDirectory(prefix="pm") as folder:
        data = Path(folder)
        (data / "run").mkdir()
        spoilt(data / "metrics")
        settings = Settings(hub=HubSettings(listen="127.0.0.1:0"))
        role = hub.build(settings, data, "host", SystemClock())
        server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, "hub"))])
        for component in role.components:
            component.start()
        server.start()
        try:
            wait_until(lambda: gather(data, settings).damage)
            (verdict,) = said(gather(data, settings), "stored metrics")
        finally:
            server.stop()
            for component in reversed(role.components):
                component.stop()
    assert verdict.level == WARN
    assert "parts/00000001.part: up to" in verdict.what
