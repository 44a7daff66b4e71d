"""`paramedic run`: what it says when it cannot start, and that it becomes a supervisor that weighs little."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic.options import Options
from paramedic.roles import SPECS
from support_supervisor import short_folder, until

PARAMEDIC = (sys.executable, "-P", "-m", "paramedic", "run")
HEAVY = ("pydantic", "yaml", "click", "flask", "docker", "requests", "prometheus_client", "psutil")


@pytest.fixture
def folder():
    with short_folder() as path:
        yield path


def run(*arguments, **more):
    return subprocess.run([*PARAMEDIC, *arguments], capture_output=True, text=True, timeout=30, check=False, **more)


def test_options_survive_the_way_to_the_supervisor():
    options = Options(("hub",), ("/a b.yaml",), ("node=ü\n",), "/d", "debug")
    assert Options.of(options.command()[-1]) == options


def test_a_wrong_configuration_is_told_whole_and_nothing_is_made(folder):
    done = run("--data", str(folder / "data"), "--set", "hub.lisen=x", "--set", "healer.max=all")
    assert done.returncode == 1
    assert "hub.lisen" in done.stderr
    assert "healer.max" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "data").exists()


def test_an_unknown_role(folder):
    done = run("--data", str(folder / "data"), "--role", "cook")
    assert done.returncode == 1
    assert "there is no role cook: the roles are runtime" in done.stderr


def test_a_data_directory_that_cannot_be(folder):
    (folder / "file").write_text("")
    done = run("--data", str(folder / "file"), "--role", "collector")
    assert done.returncode == 2
    assert "is a file" in done.stderr


def test_a_data_directory_too_long_for_sockets(folder):
    long = folder / ("x" * 100)
    done = run("--data", str(long), "--role", "collector")
    assert done.returncode == 1
    assert "a unix socket's path ends at 107" in done.stderr


def test_modules_of_the_current_folder_are_not_imported(folder):
    (folder / "json.py").write_text("raise SystemExit('a foreign json.py was imported')")
    done = run("--data", str(folder / "data"), "--role", "cook", cwd=folder)
    assert "there is no role cook" in done.stderr


def test_the_supervisor_stays_light():
    code = "import sys, paramedic.supervise; print(*[m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("role", "foreign"),
    [
        ("runtime", {"charset_normalizer", "pydantic", "yaml", "flask", "numpy", "prometheus_client", "dnslib"}),
        ("dns", {"pydantic", "yaml", "flask", "numpy", "prometheus_client", "docker", "requests", "psutil"}),
        ("collector", {"pydantic", "yaml", "flask", "numpy", "docker", "requests", "dnslib"}),
        ("healer", {"pydantic", "yaml", "flask", "numpy", "prometheus_client", "docker", "requests", "dnslib"}),
        ("logs", {"pydantic", "yaml", "flask", "numpy", "prometheus_client", "docker", "requests", "dnslib"}),
        (
            "hub",
            {"yaml", "paramedic_core.config.schema", "paramedic_core.config.load", "docker", "requests", "dnslib"}
            # The first request that needs the application loads them.
            | {
                "flask",
                "werkzeug",
                "jinja2",
                "click",
                "pydantic",
                "spectree",
                "re2",
                "paramedic_metrics.promql.engine",
            },
        ),
    ],
)
def test_a_role_imports_nothing_that_only_others_need(role: str, foreign: set[str]) -> None:
    (module,) = (spec.module for spec in SPECS if spec.name == role)
    code = f"import sys, paramedic.supervise, {module}; print(*[m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *sorted(foreign)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_one_role_from_the_command_line_to_a_clean_stop(folder):
    data = folder / "data"
    sets = ("--set", "collector.listen=")
    process = subprocess.Popen(
        [*PARAMEDIC, "--data", str(data), "--role", "collector", *sets], stderr=subprocess.PIPE, text=True
    )
    try:
        until(lambda: process.poll() is not None or (data / "run" / "collector.sock").exists(), "it runs")
        until(lambda: '"up"' in state(data), "the collector is up")
        threads = len(os.listdir(f"/proc/{process.pid}/task"))
        assert threads == 1
        assert Path(f"/proc/{process.pid}/cmdline").read_text().startswith("paramedic: supervisor")
        assert crypto(process.pid) < 500, "the supervisor keeps code that only starting up has run"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        told = process.communicate()[1]
    assert "stopped" in told


def crypto(pid):
    """KB of OpenSSL's code that a process has mapped and read."""
    found = Path(f"/proc/{pid}/smaps").read_text()
    return sum(int(n) for n in re.findall(r" r-xp .*libcrypto.*\n(?:.*\n)*?Rss: +(\d+) kB", found))


def state(data):
    try:
        return (data / "run" / "supervisor.json").read_text()
    except FileNotFoundError:
        return ""
