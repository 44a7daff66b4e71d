"""The image, built and started by the real Compose in both forms: it heals, and a hub that was taken over gets nowhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_core.sys.identity import GID, UIDS
from support_dns import ZONE, nslookup
from support_engine import PrivateEngine
from support_image import Composed, build, host_like_engine
from support_receivers import receiver
from support_repo import ROOT
from support_wait import wait_until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(os.environ.get("PARAMEDIC_SLOW") != "1", reason="builds an image (minutes): PARAMEDIC_SLOW=1"),
]
SECRET = "hush-this-is-a-password"
SICK = ("--health-cmd", "test ! -f /sick", "--health-interval", "1s", "--health-retries", "2")
_SELF = {
    "healthcheck": {"test": ["CMD", "false"], "interval": "1s", "retries": 2},
    "labels": {"paramedic.heal": "true"},
}


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with host_like_engine() as made:
        seconds = build(made)
        size = int(made.docker("image", "inspect", "-f", "{{.Size}}", "paramedic")) / 1e6
        base = int(made.docker("image", "inspect", "-f", "{{.Size}}", "paramedic/base:1")) / 1e6
        print(f"\nthe image: {size:.0f} MB, {size - base:.0f} MB of it on the base; built in {seconds:.0f} s")
        yield made


@contextlib.contextmanager
def installed(engine: PrivateEngine, form: str, folder: Path) -> Iterator[Composed]:
    """One form up, with a victim to heal, and with paramedic's own containers sick and allowed to be healed."""
    service = {"small": ["paramedic"], "full": ["runtime", "roles", "names"]}[form]
    here = Composed(engine, form, folder, {"services": dict.fromkeys(service, _SELF)})
    try:
        print(f"\n{form}: every role ready after {here.up():.1f} s")
        engine.run("victim", options=("--label", "paramedic.heal=true", "-e", f"DB_PASSWORD={SECRET}", *SICK))
        yield here
    finally:
        engine.remove("victim")
        here.down()


@pytest.fixture(scope="class")
def small(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with installed(engine, "small", tmp_path_factory.mktemp("small")) as here:
        yield here


@pytest.fixture(scope="class")
def full(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with installed(engine, "full", tmp_path_factory.mktemp("full")) as here:
        yield here


def healed(here: Composed) -> None:
    """The victim falls ill and is restarted, once, while our own sick containers are left alone."""
    engine, began = here.engine, time.time()
    engine.wait(lambda: engine.inspect("victim")["State"]["Health"]["Status"] == "healthy")
    engine.docker("exec", "victim", "sh", "-c", "sed -i 's/x/x/' /etc/passwd; touch /sick")
    engine.wait_events(bool, since=began, within=60, target="victim", actions=["restart"])
    engine.docker("exec", "victim", "rm", "/sick")
    ours = engine.docker("ps", "-q", "--no-trunc", "--filter", "label=paramedic.role").split()
    assert ours
    for container in ours:
        engine.wait(lambda c=container: engine.inspect(c)["State"]["Health"]["Status"] == "unhealthy")
    # The healer has seen them unhealthy, and says so, by now: its next round is at most seconds away.
    service = "paramedic" if here.form == "small" else "roles"
    for container in ours:
        said = here.cli(service, "explain", container[:12])
        assert "paramedic itself" in said.stdout, said.stdout + said.stderr
        assert not engine.events(began, target=container, actions=["restart", "stop", "kill", "die"])
    assert len(engine.events(began, target="victim", actions=["restart"])) == 1


def post(here: Composed, path: str, body: dict[str, object], **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{here.port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def login_token(here: Composed, service: str) -> str:
    (token,) = re.findall(r"/login#(paramedic_\S+)", here.compose("logs", service))
    return token


def test_nothing_to_build_with_is_left_in_the_image(engine: PrivateEngine) -> None:
    look = "command -v gcc pip pip3 make git; ls -d /src /wheel /tools /opt/paramedic/bin/pip* /var/lib/apt/lists/*Packages* 2>/dev/null"
    found = engine.docker("run", "--rm", "--network", "none", "--entrypoint", "sh", "paramedic", "-c", f"{look}; true")
    assert found == ""
    told = engine.docker("image", "inspect", "paramedic") + engine.docker("history", "--no-trunc", "paramedic")
    assert "PIP_" not in told


def test_it_says_its_version_and_runs_as_a_plain_user_too(engine: PrivateEngine) -> None:
    said = engine.docker("run", "--rm", "--network", "none", "--read-only", "--user", "1234", "paramedic", "version")
    assert said.startswith("paramedic ")


class TestSmall:
    """One container."""

    def test_heals_and_leaves_itself_alone(self, small: Composed) -> None:
        healed(small)

    def test_logs_in_by_the_link_that_was_said_once(self, small: Composed) -> None:
        token = login_token(small, "paramedic")
        assert post(small, "/api/v1/session", {"token": token})[0] == 200
        assert post(small, "/api/v1/session", {"token": token[:-1] + "x"})[0] == 401
        small.compose("restart", "paramedic")
        small.up()
        assert login_token(small, "paramedic") == token

    def test_says_what_it_cannot_see_or_keep_apart(self, small: Composed) -> None:
        said = small.cli("paramedic", "doctor")
        assert said.returncode == 3, said.stdout
        for text in (
            "only user ids are between them",
            "CPU and memory not at all",
            "no lines are kept",
            "containers cannot ask it",
        ):
            assert text in said.stdout, text


class TestFull:
    """Three containers."""

    def test_heals_and_leaves_itself_alone(self, full: Composed) -> None:
        healed(full)

    def test_has_lines_and_no_token_among_them(self, full: Composed) -> None:
        full.engine.docker("exec", "victim", "sh", "-c", "echo a line of the victim >/proc/1/fd/1")
        full.engine.wait(lambda: "a line of the victim" in full.cli("roles", "logs", "search", "victim").stdout)
        token = login_token(full, "runtime")
        ours = full.cli("roles", "logs", "search", "paramedic/runtime")
        assert "/login#paramedic_(hidden)" in ours.stdout, ours.stdout + ours.stderr
        assert token not in ours.stdout
        assert post(full, "/api/v1/session", {"token": token})[0] == 200

    def test_containers_ask_their_gateway_for_names(self, full: Composed) -> None:
        engine = full.engine
        engine.docker("network", "create", "street")
        try:
            engine.run("shop", options=("--network", "street"))
            engine.run("asker", options=("--network", "street"))
            network = engine.inspect("shop")["NetworkSettings"]["Networks"]["street"]
            name, inside = f"shop.default.svc.{ZONE}", ("docker", "-H", engine.host, "exec", "asker")
            wanted = {network["IPAddress"]}
            engine.wait(lambda: nslookup(name, network["Gateway"], inside=inside)[0] == wanted, within=60)
            doctor = full.cli("names", "doctor").stdout
            assert "containers cannot ask it" not in doctor
        finally:
            engine.remove("shop", "asker")
            engine.docker("network", "rm", "street")

    def test_doctor_finds_the_separation_well(self, full: Composed) -> None:
        said = full.cli("roles", "doctor").stdout
        assert "runtime has a container of its own" in said
        assert "only user ids" not in said
        assert "not at all" not in said

    def test_a_hub_that_was_taken_over_gets_nowhere(self, full: Composed) -> None:
        engine = full.engine
        victim = engine.inspect("victim")
        began = time.time()
        volumes = f"/host{engine.folder}/data/volumes"
        arguments = [victim["Id"], str(victim["State"]["Pid"]), str(engine.public), volumes]  # type: ignore[attr-defined]
        command = [
            "docker", "-H", engine.host, "exec", "-i", "-u", f"{UIDS['hub']}:{GID}", full.name("roles"),
            "/opt/paramedic/bin/python", "-", *arguments,
        ]  # fmt: skip
        program = (ROOT / "tests/support/support_compromised.py").read_text()
        done = subprocess.run(command, input=program, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["who"] == [UIDS["hub"], GID, "0" * 16]
        assert set(found["engine"]) <= {"FileNotFoundError", "PermissionError"}
        assert found["usable sockets"] == []
        assert {tuple(answer) for answer in found["engine's calls at runtime"]} == {(404, "not_found")}
        assert {tuple(answer) for answer in found["verbs"]} == {(422, "not_healer")}
        assert found["grant"] == [422, "not_admin"]
        assert found["grant with a forged token"] == [422, "not_admin"]
        assert found["lifting the freeze"] == [422, "not_admin"]
        assert found["world"] == [200, False, True], "it may read the World, which has no values of the environment"
        assert found["environment in /proc"] == ["PermissionError"]
        assert found["memory of the supervisor"] == "PermissionError"
        assert set(found["another role's socket"].values()) <= {"PermissionError", "OSError"}
        assert set(found["files"].values()) <= {"PermissionError", "OSError", "FileNotFoundError"}, found["files"]
        touched = [
            e["Action"] for e in engine.events(began, target="victim") if not e["Action"].startswith("health_status")
        ]
        assert touched == []
        assert full.cli("runtime", "plan", "-o", "json").returncode != 1

    def test_even_root_of_the_roles_container_may_not_act(self, full: Composed) -> None:
        look = """
import json
from pathlib import Path
from paramedic_core.sys.client import RoleClient
client = RoleClient(Path("/var/lib/paramedic/run/runtime.sock"), "runtime")
said = []
for path, body in (("/grants", {"service": "victim", "mode": "off"}), ("/freeze", {"on": False}),
                   ("/verbs/restart", {"target": "x", "key": "k", "expected": {}})):
    try:
        said.append(client.post(path, body))
    except Exception as error:
        said.append(getattr(error, "code", repr(error)))
for name in ("tokens.json", "FREEZE", "host-id"):
    try:
        said.append(Path("/var/lib/paramedic", name).write_text("x"))
    except OSError as error:
        said.append(error.strerror)
print(json.dumps(said))
"""
        command = ["docker", "-H", full.engine.host, "exec", "-i", full.name("roles"), "/opt/paramedic/bin/python", "-"]
        done = subprocess.run(command, input=look, capture_output=True, text=True, timeout=60, check=True)
        assert json.loads(done.stdout) == ["not_admin", "not_admin", "not_healer", *["Read-only file system"] * 3]


def test_docker_autoheals_users_change_the_images_name(engine: PrivateEngine) -> None:
    """Its README's own `docker run`, with another image; ports of the test's own, as the network is the host's."""
    with receiver() as hook, contextlib.ExitStack() as stack:
        stack.callback(engine.remove, "autoheal", "auto-victim", "auto-stopped")
        engine.run("auto-victim", options=("--stop-timeout", "1", *SICK))
        engine.run("auto-stopped", "sh", "-c", "trap 'exit 3' TERM; sleep 100000 & wait")
        ours = (
            "PARAMEDIC_HUB__LISTEN=127.0.0.1:0",
            "PARAMEDIC_COLLECTOR__LISTEN=off",
            "PARAMEDIC_DNS__LISTEN=127.0.0.77",
        )
        theirs = ("AUTOHEAL_CONTAINER_LABEL=all", "AUTOHEAL_START_PERIOD=1", f"WEBHOOK_URL={hook.url}/h")
        variables = [word for variable in (*theirs, *ours) for word in ("-e", variable)]
        socket = f"{engine.public}:/var/run/docker.sock"  # type: ignore[attr-defined]
        engine.docker("run", "-d", "--name", "autoheal", "--network", "host", *variables, "-v", socket, "paramedic")
        engine.wait(lambda: "the hands are ready" in engine.docker("logs", "autoheal") + _errors(engine), within=120)
        engine.docker("stop", "auto-stopped")
        since = time.time()
        engine.docker("exec", "auto-victim", "touch", "/sick")
        engine.wait_events(bool, since=since, target="auto-victim", actions=("restart",), within=120)
        engine.docker("exec", "auto-victim", "rm", "-f", "/sick")
        wait_until(lambda: any("auto-victim well again" in body.get("content", "") for body in hook.bodies()), 240)
        assert engine.inspect("auto-stopped")["State"]["Status"] == "exited"
        assert engine.inspect("autoheal")["RestartCount"] == 0


def _errors(engine: PrivateEngine) -> str:
    done = subprocess.run(
        ["docker", "-H", engine.host, "logs", "autoheal"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr
