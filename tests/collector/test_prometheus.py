"""The real Prometheus scrapes the role and keeps what it read."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic_collector.role import build
from paramedic_core.clock import SystemClock
from paramedic_core.settings import Settings
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, tcp_listener
from support_collector import samples
from support_wait import wait_until

_CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: paramedic
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "run").mkdir()
    role = build(Settings(), tmp_path, "cafe", SystemClock())
    listener = tcp_listener("127.0.0.1:0")
    server = RoleServer(standard_routes(role), [listener])
    for component in role.components:
        component.start()
    server.start()
    yield listener.getsockname()[1]
    server.stop()
    for component in role.components:
        component.stop()


@pytest.fixture
def prometheus(collector: int, tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus (Debian: prometheus)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(_CONFIG.format(port=collector))
    log = (tmp_path / "prometheus.log").open("wb")
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    running = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/api/v1/query?query="
    finally:
        running.terminate()
        running.wait(30)
        log.close()


def _ask(url: str, query: str) -> list[dict[str, Any]]:
    try:
        with urllib.request.urlopen(url + urllib.parse.quote(query), timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []


def test_every_series_is_kept_and_none_is_refused(collector: int, prometheus: str) -> None:
    wait_until(lambda: [r["value"][1] for r in _ask(prometheus, 'up{job="paramedic"}')] == ["1"], within=30, every=0.2)
    with urllib.request.urlopen(f"http://127.0.0.1:{collector}/metrics", timeout=5) as answer:
        ours = samples(answer.read().decode())
    wait_until(lambda: _ask(prometheus, "scrape_samples_scraped"), within=10, every=0.2)
    kept = int(_ask(prometheus, "scrape_samples_post_metric_relabeling")[0]["value"][1])
    assert abs(kept - len(ours)) <= 10  # an interface or mount may come and go meanwhile
    total = _ask(prometheus, "node_memory_MemTotal_bytes")[0]
    assert float(total["value"][1]) == ours["node_memory_MemTotal_bytes"]
