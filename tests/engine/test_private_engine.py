"""The private engine itself: what all other engine tests stand on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support_engine import SCRIPT, PrivateEngine

pytestmark = pytest.mark.engine


def test_runs_a_container_and_tells_its_events(private_engine: PrivateEngine) -> None:
    began = time.time()
    container = private_engine.run("smoke-one", "true")
    try:
        events = private_engine.wait_events(
            lambda found: any(e["Action"] == "die" for e in found), since=began, target=container
        )
        assert [e["Action"] for e in events if e["Action"] in ("create", "start", "die")] == ["create", "start", "die"]
        assert private_engine.inspect("smoke-one")["State"]["ExitCode"] == 0
    finally:
        private_engine.remove("smoke-one")


def test_containers_of_a_network_reach_each_other_by_name(private_engine: PrivateEngine) -> None:
    private_engine.docker("network", "create", "smoke-net")
    try:
        serve = "mkdir -p /tmp/w && echo well > /tmp/w/index.html && exec httpd -f -p 80 -h /tmp/w"
        private_engine.run("smoke-web", "sh", "-c", serve, options=["--network", "smoke-net"])
        private_engine.run("smoke-ask", options=["--network", "smoke-net"])
        ask = ("exec", "smoke-ask", "wget", "-q", "-O", "-", "http://smoke-web/")
        private_engine.wait(lambda: private_engine.docker(*ask, check=False) == "well")
    finally:
        private_engine.remove("smoke-web", "smoke-ask")
        private_engine.docker("network", "rm", "smoke-net")


def test_health_is_told(private_engine: PrivateEngine) -> None:
    check = ["--health-cmd", "test ! -e /tmp/sick", "--health-interval", "200ms", "--health-retries", "1"]
    private_engine.run("smoke-sick", options=check)
    try:
        for action in ("healthy", "unhealthy"):
            wanted = f"health_status: {action}"
            private_engine.wait_events(bool, target="smoke-sick", actions=[wanted])
            private_engine.docker("exec", "smoke-sick", "touch", "/tmp/sick")
    finally:
        private_engine.remove("smoke-sick")


def test_a_killed_daemon_comes_back_with_its_containers(own_engine: PrivateEngine) -> None:
    own_engine.run("smoke-keeps")
    own_engine.stop_daemon(kill=True)
    own_engine.start_daemon()
    assert own_engine.docker("ps", "-a", "--format", "{{.Names}}") == "smoke-keeps"


@pytest.mark.parametrize("crash", [False, True], ids=["in order", "after kill -9"])
def test_down_leaves_nothing(crash: bool) -> None:
    address = subprocess.run([SCRIPT, "up"], capture_output=True, text=True, timeout=900, check=True).stdout.strip()
    folder = Path(address.removeprefix("unix://")).parent
    docker = ["docker", "-H", address]
    before = _traces(folder)
    assert before["mounts"], "the daemon's data root is a mount"
    subprocess.run([*docker, "network", "create", "left"], capture_output=True, timeout=60, check=True)
    run = [*docker, "run", "-d", "--name", "left", "--network", "left", "paramedic/busybox:1", "sleep", "100000"]
    subprocess.run(run, capture_output=True, timeout=60, check=True)
    subprocess.run([*docker, "pause", "left"], capture_output=True, timeout=60, check=True)
    bridge = _bridge(docker)
    if crash:
        subprocess.run([SCRIPT, "stop", "--kill", folder], timeout=60, check=True)
    subprocess.run([SCRIPT, "down", folder], timeout=120, check=True)
    assert not any(_traces(folder).values())
    assert not Path("/sys/class/net", bridge).exists()
    assert not folder.exists()
    subprocess.run([SCRIPT, "down", folder], timeout=60, check=True)


def test_two_engines_side_by_side(private_engine: PrivateEngine, own_engine: PrivateEngine) -> None:
    for engine in (private_engine, own_engine):
        engine.docker("network", "create", "twin")
        engine.run("twin-web", options=["--network", "twin"])
    addresses = {
        e.inspect("twin-web")["NetworkSettings"]["Networks"]["twin"]["IPAddress"] for e in (private_engine, own_engine)
    }
    assert len(addresses) == 2
    private_engine.remove("twin-web")
    private_engine.docker("network", "rm", "twin")
    assert own_engine.inspect("twin-web")["State"]["Running"]


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    done = subprocess.run([SCRIPT, "up", tmp_path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "too long" in done.stderr or "not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "keep"


def _traces(folder: Path) -> dict[str, list[str]]:
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {folder}/" in line]
    processes = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if f"{folder}/" in text:
            processes.append(text)
    return {"mounts": mounts, "processes": processes}


def _bridge(docker: list[str]) -> str:
    ask = [*docker, "network", "inspect", "left", "--format", "{{.Id}}"]
    return "br-" + subprocess.run(ask, capture_output=True, text=True, timeout=60, check=True).stdout[:12]


def test_without_root_it_says_so_and_starts_nothing() -> None:
    base = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        # A copy that everybody may read: the checkout itself may lie where only root may look.
        shutil.copytree(
            SCRIPT.parent / "engine_tool", base / "engine_tool", ignore=shutil.ignore_patterns("__pycache__")
        )
        base.chmod(0o755)
        command = ["/usr/bin/python3", "-I", str(base / "engine_tool"), "up", "/tmp/pme-nobody"]
        environment = {k: v for k, v in os.environ.items() if k != "ENGINE"}
        done = subprocess.run(
            command,
            env=environment,
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        shutil.rmtree(base)
    assert done.returncode == 75
    assert "root" in done.stderr
    assert not Path("/tmp/pme-nobody").exists()


def test_the_host_engine_is_never_meant_by_accident(tmp_path: Path) -> None:
    environment = {**os.environ, "ENGINE": "host", "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(
        [SCRIPT, "up", tmp_path / "e"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 75
    assert "none.sock" in done.stderr
