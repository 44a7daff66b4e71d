"""The programs that bench/tsdb.py compares, started over a folder: our hub, Prometheus, VictoriaMetrics."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic_core.codec import to_plain
from paramedic_core.settings import HubSettings, MetricsSettings, Settings
from paramedic_core.sys.tokens import TokenStore
from support_ports import free_port

_TICK = os.sysconf("SC_CLK_TCK")
_HUB = Path(__file__).with_name("support_hub_alone.py")
YEARS = 10 * 365 * 86_400.0


@dataclass
class Program:
    """One that runs."""

    name: str
    url: str
    """Below which it has Prometheus' API."""
    write: str
    """The path that takes remote writes."""
    process: subprocess.Popen[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def send(self, body: bytes) -> None:
        """One remote write request, over a connection that is kept.

        Raises:
            RuntimeError: it was not taken.
        """
        address = urllib.parse.urlsplit(self.url)
        if self._connection is None:
            self._connection = http.client.HTTPConnection(address.netloc, timeout=300)
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            **self.headers,
        }
        self._connection.request("POST", self.write, body, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{self.name} answers {answer.status}: {said[:300]!r}")

    def ask(self, query: str, at: float) -> list[dict[str, Any]]:
        """An instant query's result; empty while it does not answer."""
        parameters = urllib.parse.urlencode({"query": query, "time": at})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{parameters}", timeout=60) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except (OSError, http.client.HTTPException):
            return []
        return found

    def spent(self) -> float:
        """CPU seconds since it began, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident(self) -> tuple[float, float]:
        """Its proportional share of memory and its resident memory, in MB; of both what no file on the disk backs counts too."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines[1:]}
        return found["Pss"], found["Rss"]

    def kill(self) -> None:
        """As a crash does."""
        self.process.kill()
        self.process.wait(60)


Start = Callable[[Path], AbstractContextManager[Program]]


@contextmanager
def paramedic(folder: Path) -> Iterator[Program]:
    """The hub's role over a data directory."""
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    port = free_port()
    metrics = MetricsSettings(retention=YEARS, scrape_interval=3600.0)
    settings = Settings(node="bench", hub=HubSettings(listen=f"127.0.0.1:{port}"), metrics=metrics)
    tokens = TokenStore(folder / "tokens.json")
    token = tokens.create(f"bench-{len(tokens.list())}", "sender")
    command = [sys.executable, str(_HUB), str(folder), json.dumps(to_plain(settings))]
    url = f"http://127.0.0.1:{port}/prometheus"
    with running(command) as process:
        headers = {"Authorization": f"Bearer {token}"}
        yield Program("paramedic", url, "/prometheus/api/v1/write", process, headers)


def victoria_of(program: Path) -> Start:
    """How VictoriaMetrics is started."""

    @contextmanager
    def start(folder: Path) -> Iterator[Program]:
        port = free_port()
        command = [
            str(program), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
            "-search.latencyOffset=0s", "-search.disableCache", "-loggerLevel=ERROR",
        ]  # fmt: skip
        with running(command) as process:
            yield Program("VictoriaMetrics", f"http://127.0.0.1:{port}", "/api/v1/write", process)

    return start


def prometheus_of(program: Path) -> Start:
    """How Prometheus is started, with its remote write receiver."""

    @contextmanager
    def start(folder: Path) -> Iterator[Program]:
        port, config = free_port(), folder.with_name(f"{folder.name}.yml")
        config.write_text("global: {scrape_interval: 1h}\n")
        command = [
            str(program), f"--config.file={config}", f"--storage.tsdb.path={folder}", "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y", "--log.level=error",
        ]  # fmt: skip
        with running(command) as process:
            yield Program("Prometheus", f"http://127.0.0.1:{port}", "/api/v1/write", process)

    return start


def until_ready(program: Program, within: float = 300.0) -> Program:
    """Return once queries are answered.

    Raises:
        RuntimeError: it has ended, or takes longer.
    """
    end = time.monotonic() + within
    while not program.ask("vector(1)", time.time()):
        if program.process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{program.name} does not answer (status {program.process.poll()})")
        time.sleep(0.02)
    return program


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program; ended afterwards, if it still is there."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        process.wait(10)


def post(url: str, body: bytes = b"") -> None:
    """Send something that must be taken."""
    urllib.request.urlopen(url, body, timeout=300).read()
