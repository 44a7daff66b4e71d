"""`make demo` from the outside: how it ends, what it leaves, and that it touches nobody else's engine."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support_engine import SCRIPT, PrivateEngine
from support_repo import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
DEMO = ROOT / "scripts/demo"


@pytest.fixture
def bystander(own_engine: PrivateEngine) -> PrivateEngine:
    """A second engine on the machine, with broken containers that anybody's healer would love to restart."""
    check = ["--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1"]
    for label in ("autoheal=true", "paramedic.heal=true"):
        own_engine.run(f"ill-{label.partition('=')[0]}", options=["--label", label, *check])
        own_engine.docker(
            "run", "-d", "--name", f"ended-{label.partition('=')[0]}", "--label", label, own_engine.image, "false"
        )
    own_engine.wait_events(lambda found: len(found) >= 2, actions=["health_status: unhealthy"])
    own_engine.wait_events(lambda found: len(found) >= 2, actions=["die"])
    return own_engine


def test_demo_once_heals_three_holds_one_and_touches_nobody_else(bystander: PrivateEngine) -> None:
    began = time.time()
    before = _traces()
    # The bystander is even offered: whoever reads DOCKER_HOST would find it.
    environment = {**os.environ, "ONCE": "1", "DOCKER_HOST": bystander.host}
    environment.pop("ENGINE", None)
    done = subprocess.run([DEMO], env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("web", "web-2", "worker", "mailer", "cache", "database", "legacy", "names", "evidence"):
        assert re.search(rf"^  well +{name} ", done.stdout, re.MULTILINE), done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert "not asked for" not in done.stdout, "port 53 of a private engine's own network is free"
    assert re.search(r"evidence +mailer: out of ideas", done.stdout), done.stdout
    assert _left(before) == {}
    touched = bystander.events(since=began, actions=["kill", "stop", "start", "restart", "die", "destroy", "create"])
    assert touched == []


def test_an_interrupted_demo_leaves_nothing() -> None:
    before = _traces()
    main, side = pty.openpty()
    said: list[bytes] = []
    environment = {k: v for k, v in os.environ.items() if k not in ("ONCE", "ENGINE", "DOCKER_HOST")}
    demo = subprocess.Popen([DEMO], env=environment, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    reader = threading.Thread(target=_read, args=(main, said), daemon=True)
    reader.start()
    try:
        deadline = time.monotonic() + 120
        while b"breaking web" not in b"".join(said):
            assert demo.poll() is None, b"".join(said).decode("utf-8", "replace")
            assert time.monotonic() < deadline, b"".join(said).decode("utf-8", "replace")
            time.sleep(0.1)
        os.killpg(demo.pid, signal.SIGINT)  # as Ctrl-C at the terminal does
        demo.wait(90)
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.wait(10)
        reader.join(5)
        os.close(main)
    assert demo.returncode == 130
    assert _left(before) == {}


def test_without_an_engine_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = {**os.environ, "ENGINE": "host", "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    done = subprocess.run([DEMO], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75
    assert "nobody.sock" in done.stderr


def _read(fd: int, said: list[bytes]) -> None:
    try:
        while piece := os.read(fd, 4096):
            said.append(piece)
    except OSError:
        return  # a pseudo-terminal whose other side has gone


def _left(before: dict[str, set[str]]) -> dict[str, set[str]]:
    return {kind: found - before[kind] for kind, found in _traces().items() if found - before[kind]}


def _traces() -> dict[str, set[str]]:
    """What a demo could leave behind: engines of this checkout, folders, bridges, its own paramedic."""
    listed = subprocess.run([SCRIPT, "list"], capture_output=True, text=True, timeout=60, check=True).stdout
    demos = {line.split()[0] for line in listed.splitlines() if "/pme-demo-" in line}
    folders = {str(p) for pattern in ("pmd-*", "pme-demo-*") for p in Path("/tmp").glob(pattern)}
    processes = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_bytes()
        except OSError:
            continue
        if b"/tmp/pmd-" in text or b"/tmp/pme-demo-" in text:
            processes.add(file.parent.name)
    return {"engines": demos, "folders": folders, "processes": processes}
