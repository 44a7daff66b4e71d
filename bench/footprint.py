"""What paramedic costs while nothing happens: CPU, memory, bytes written, and what it adds to the engine's own CPU.

    bench/footprint.py [--warm 600] [--measure 300] [--containers 20] [--fake 200] [--role ROLE…] [--json FILE]

Real arm: containers with a health check each 10 s and one log line a second on a private engine, a scrape of the collector
each 15 s, the page closed. The engine's own CPU is measured for `--measure` seconds, half of them before paramedic starts
and half after it has ended, and again while it runs, from `--warm` seconds after its start. Then the page is opened, and
memory read once more. Fake arm: an engine that only answers, with many containers. `--containers 0` or `--fake 0` leaves an
arm out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))

from paramedic.roles import SPECS  # noqa: E402  after the path
from paramedic_core.sys.client import RoleClient  # noqa: E402  after the path
from support_bench import bench_engine  # noqa: E402  after the path
from support_engine import PrivateEngine  # noqa: E402  after the path
from support_ports import free_port  # noqa: E402  as above

ROLES = tuple(spec.name for spec in SPECS)
TICK = os.sysconf("SC_CLK_TCK")
LINES = 'n=0; while :; do n=$((n+1)); echo "line $n: a request was answered with 200 in 12 ms"; sleep 1; done'
SCRAPE_EVERY = 15.0
OPENED = ("/", "/", "/services", "/healing")
"""What a person looks at; the first one has the hub load its application."""


@dataclass(frozen=True)
class Reading:
    """One process at one moment."""

    at: float
    cpu: float
    """Seconds of CPU so far, its own and that of children it has waited for."""
    written: int
    """Bytes handed to the storage layer so far."""
    pss: float
    """MB now."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm", type=float, default=600.0, help="seconds from the start to the measuring")
    parser.add_argument("--measure", type=float, default=300.0, help="seconds of measuring")
    parser.add_argument("--containers", type=int, default=20, help="on the real engine")
    parser.add_argument("--fake", type=int, default=200, help="containers of the fake engine")
    parser.add_argument("--role", action="append", choices=ROLES, help="only this one; all without")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {}
    if arguments.containers:
        found[f"{arguments.containers} real containers"] = _real(arguments)
    if arguments.fake:
        found[f"{arguments.fake} containers of a fake engine"] = _fake(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


def _real(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    with bench_engine() as engine:
        _say(f"starting {arguments.containers} containers")
        for number in range(arguments.containers):
            health = ["--health-cmd", "true", "--health-interval", "10s"]
            labels = ["--label", "com.docker.compose.project=bench", "--label", f"com.docker.compose.service=s{number}"]
            engine.run(f"load-{number}", "sh", "-c", LINES, options=["--network", "none", *health, *labels])
        time.sleep(min(30.0, arguments.warm))
        daemons = _daemons(engine)
        _say("the engine without paramedic, before")
        before = _over(lambda: daemons, arguments.measure / 2)
        with _paramedic(engine.host, arguments.role or ROLES) as base:
            _say(f"warming for {arguments.warm:.0f} s")
            time.sleep(arguments.warm)
            _say(f"measuring for {arguments.measure:.0f} s")
            found = _over(lambda: {**_roles(base), **daemons}, arguments.measure)
            opened = _opened(base, min(60.0, arguments.warm)) if "hub" in (arguments.role or ROLES) else {}
        _say("the engine without paramedic, after")
        time.sleep(min(15.0, arguments.warm))
        after = _over(lambda: daemons, arguments.measure / 2)
    for name in daemons:
        found[f"{name} without paramedic"] = {"cpu": (before[name]["cpu"] + after[name]["cpu"]) / 2}
    _show(f"{arguments.containers} real containers", found)
    if opened:
        print(
            f"\nthe page opened: the first view after {1000 * opened['first']:.0f} ms, the second after "
            f"{1000 * opened['second']:.0f} ms; then PSS hub {opened['hub']:.1f} MB, **paramedic, all {opened['all']:.1f} MB**"
        )
        found["paramedic, the page opened"] = opened
    return found


def _opened(base: Path, rest: float) -> dict[str, float]:
    """Look at the page as a browser would, and read memory after a rest."""
    _say("opening the page")
    listen = RoleClient(base / "data/run/hub.sock", "hub").get("/address")["listen"]
    took = []
    for path in OPENED:
        began = time.monotonic()
        with urllib.request.urlopen(f"http://{listen}{path}", timeout=60) as answer:
            answer.read()
        took.append(time.monotonic() - began)
    time.sleep(rest)
    pss = {name: _read(pid).pss for name, pid in _roles(base).items()}
    return {"first": took[0], "second": took[1], "hub": pss["hub"], "all": sum(pss.values())}


def _fake(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    folder = Path(tempfile.mkdtemp(prefix="pmf-", dir="/tmp"))
    program = ROOT / "tests/support/support_fake_engine.py"
    command = [sys.executable, str(program), str(folder / "s"), "--containers", str(arguments.fake)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with _paramedic(address, arguments.role or ROLES) as base:
            _say(f"{arguments.fake} containers of a fake engine: warming for {arguments.warm / 4:.0f} s")
            time.sleep(arguments.warm / 4)
            found = _over(lambda: _roles(base), arguments.measure)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
    _show(f"{arguments.fake} containers of a fake engine", found)
    return found


def _over(processes: Callable[[], Mapping[str, int]], seconds: float) -> dict[str, dict[str, float]]:
    """Each process' CPU (% of a core), PSS (MB) and bytes a day over a while.

    Raises:
        RuntimeError: one of them was replaced meanwhile, so the figures would not be of one life.
    """
    names = processes()
    first = {name: _read(pid) for name, pid in names.items()}
    time.sleep(seconds)
    if processes() != names:
        raise RuntimeError(f"a process was replaced while it was measured: {names} became {processes()}")
    found = {}
    for name, pid in names.items():
        old, new = first[name], _read(pid)
        span = new.at - old.at
        found[name] = {
            "cpu": 100 * (new.cpu - old.cpu) / span,
            "pss": new.pss,
            "written": (new.written - old.written) / span * 86400,
        }
    return found


def _read(pid: int) -> Reading:
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    io = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
    rollup = (folder / "smaps_rollup").read_text().splitlines()
    pss = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return Reading(time.monotonic(), sum(map(int, fields[11:13])) / TICK, int(io["write_bytes"]), pss / 1000)


def _roles(base: Path) -> dict[str, int]:
    state = json.loads((base / "data/run/supervisor.json").read_text())
    return {"supervisor": state["pid"], **{name: role["pid"] for name, role in state["roles"].items()}}


def _daemons(engine: PrivateEngine) -> dict[str, int]:
    dockerd = int((engine.folder / "pid").read_text())
    # Any of its threads may have started it.
    children = [
        child for file in Path(f"/proc/{dockerd}/task").glob("*/children") for child in file.read_text().split()
    ]
    for child in children:
        if Path(f"/proc/{child}/comm").read_text().strip() == "containerd":
            return {"dockerd": dockerd, "containerd": int(child)}
    raise RuntimeError(f"dockerd ({dockerd}) has no containerd")


@contextmanager
def _paramedic(host: str, roles: Sequence[str]) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="pmb-", dir="/tmp"))
    base.chmod(0o755)
    collector, stop = f"127.0.0.1:{free_port()}", threading.Event()
    sets = {"runtime.engine": host, "hub.listen": f"127.0.0.1:{free_port()}", "collector.listen": collector}
    command = [sys.executable, "-P", "-m", "paramedic", "run", "--data", str(base / "data")]
    command += [word for role in roles for word in ("--role", role)]
    command += [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    scraper = threading.Thread(target=_scrape, args=(f"http://{collector}/metrics", stop), daemon=True)
    try:
        for role in roles:
            RoleClient(base / "data/run" / f"{role}.sock", role).wait("/-/healthy", within=60)
        scraper.start()
        yield base
    finally:
        stop.set()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        shutil.rmtree(base, ignore_errors=True)


def _scrape(url: str, stop: threading.Event) -> None:
    """What Prometheus would do; a failed scrape is the next one's business."""
    while not stop.wait(SCRAPE_EVERY):
        with suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()


def _show(title: str, found: Mapping[str, Mapping[str, float]]) -> None:
    print(f"\n{title}\n\n| process | CPU, % of a core | PSS, MB | written a day, MB |\n|---|---|---|---|")
    for name, row in found.items():
        memory = f"{row['pss']:.1f} | {row['written'] / 1e6:.1f}" if "pss" in row else "– | –"
        print(f"| {name} | {row['cpu']:.2f} | {memory} |")
    ours = [row for name, row in found.items() if name in ("supervisor", *ROLES)]
    total = {key: sum(row[key] for row in ours) for key in ("cpu", "pss", "written")}
    print(
        f"| **paramedic, all** | **{total['cpu']:.2f}** | **{total['pss']:.1f}** | **{total['written'] / 1e6:.1f}** |"
    )
    sys.stdout.flush()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
