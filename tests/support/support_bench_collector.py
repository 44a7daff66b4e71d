"""What the arms of bench/collector.py share: an exporter under measurement, asked as Prometheus would ask."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.sys.client import RoleClient
from support_ports import free_port

_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Exporter:
    """A running exporter."""

    name: str
    pid: int
    port: int

    def scrape(self, *, compressed: bool = False) -> bytes:
        """One exposition, unpacked, over a connection of its own as curl would."""
        return self.run(1, compressed=compressed).text

    def run(self, times: int, *, compressed: bool = False) -> Run:
        """So many scrapes over one connection, as Prometheus keeps it, and what they cost.

        Raises:
            RuntimeError: it answers anything but 200.
        """
        headers = {"Accept-Encoding": "gzip" if compressed else "identity"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        before, walls, body, coding = self.spent(), [], b"", None
        for _ in range(times):
            began = time.perf_counter()
            try:
                connection.request("GET", "/metrics", headers=headers)
                answer = connection.getresponse()
            except OSError as error:
                raise RuntimeError(f"{self.name} ({self.pid}) does not answer: {error}") from error
            body, coding = answer.read(), answer.getheader("Content-Encoding")
            walls.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{self.name} answers {answer.status}: {body[:200]!r}")
        cpu = (self.spent() - before) / times
        connection.close()
        walls.sort()
        return Run(cpu, walls, len(body), gzip.decompress(body) if coding == "gzip" else body)

    def spent(self) -> float:
        """CPU seconds of the process since it began, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def resident(self) -> float:
        """Its proportional share of memory, MB."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


@dataclass(frozen=True, slots=True)
class Run:
    """What some scrapes cost."""

    cpu: float
    """CPU seconds a scrape."""
    walls: list[float]
    """Seconds each took, in order of length."""
    size: int
    """Bytes on the wire of the last."""
    text: bytes
    """The last exposition, unpacked."""

    @property
    def samples(self) -> int:
        """How many the last had."""
        return sum(1 for line in self.text.splitlines() if line and not line.startswith(b"#"))


@contextmanager
def collector(sets: dict[str, str], *more: str) -> Iterator[Exporter]:
    """paramedic's collector, started by its supervisor as a user starts it.

    Args:
        sets: settings, by dotted name.
        more: more words for the command line, as other roles.
    """
    base = Path(tempfile.mkdtemp(prefix="pmb-", dir="/tmp"))
    base.chmod(0o755)
    port = free_port()
    command = [
        sys.executable,
        "-P",
        "-m",
        "paramedic",
        "run",
        "--data",
        str(base / "data"),
        "--role",
        "collector",
        *more,
    ]
    for name, value in {**sets, "collector.listen": f"127.0.0.1:{port}"}.items():
        command += ["--set", f"{name}={value}"]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        RoleClient(base / "data/run/collector.sock", "collector").wait("/-/ready", within=60)
        pid = json.loads((base / "data/run/supervisor.json").read_text())["roles"]["collector"]["pid"]
        yield Exporter("paramedic", pid, port)
    finally:
        _end(process)
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def peer(
    name: str, binary: str, *flags: str, like: Exporter | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Exporter]:
    """An exporter that takes `--web.listen-address`, as node_exporter does.

    Args:
        name: in tables.
        binary: its path.
        flags: more words for its command line.
        like: run it with the user id of this one, so that both may read the same.
        environment: more variables for it.
    """
    port = free_port()
    uid = Path(f"/proc/{like.pid}").stat().st_uid if like is not None else None
    process = subprocess.Popen(
        [binary, f"--web.listen-address=127.0.0.1:{port}", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=uid,
        env={**os.environ, **(environment or {})},
        extra_groups=[] if uid else None,
    )
    found = Exporter(name, process.pid, port)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                found.scrape()
                break
            except RuntimeError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{binary} did not start (status {process.poll()})") from None
                time.sleep(0.05)
        yield found
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def turns(arms: Sequence[Exporter], rounds: int, times: int, *, compressed: bool) -> dict[str, list[Run]]:
    """So many runs of each, the arms taking turns."""
    found: dict[str, list[Run]] = {arm.name: [] for arm in arms}
    for arm in arms:
        arm.run(3, compressed=compressed)
    for _ in range(rounds):
        for arm in arms:
            found[arm.name].append(arm.run(times, compressed=compressed))
    return found
