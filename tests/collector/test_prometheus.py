"""The real Prometheus scrapes the role and keeps what it read."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.role import build
from paramedic_core.clock import SystemClock
from paramedic_core.settings import Settings
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, tcp_listener
from support_ports import free_port
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
    port = free_port()
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


def _series(port: int) -> dict[frozenset[tuple[str, str]], float]:
    """What the collector gives: each series' labels, its name among them, and value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        # Without the types, as the parser renames what is called a counter and does not end in `_total`.
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    read = [s for family in text_string_to_metric_families("\n".join(lines)) for s in family.samples]
    return {_key({"__name__": s.name, **s.labels}): s.value for s in read}


def _key(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    """An empty label is none."""
    return frozenset((name, value) for name, value in labels.items() if value and name not in ("job", "instance"))


def test_every_series_is_kept_and_none_is_refused(collector: int, prometheus: str) -> None:
    before = _series(collector)
    wait_until(lambda: [r["value"][1] for r in _ask(prometheus, 'up{job="paramedic"}')] == ["1"], within=60, every=0.2)
    kept = {_key(r["metric"]): float(r["value"][1]) for r in _ask(prometheus, '{job="paramedic"}')}
    # Others' containers, interfaces and mounts come and go meanwhile on a busy machine: what was there all the time counts.
    stayed = before.keys() & _series(collector).keys()
    assert len(stayed) > 300
    assert stayed <= kept.keys()
    told = {dict(key)["__name__"]: value for key, value in kept.items() if len(key) == 1}
    assert told["scrape_samples_post_metric_relabeling"] == told["scrape_samples_scraped"] >= len(stayed)
    assert told["node_memory_MemTotal_bytes"] == before[_key({"__name__": "node_memory_MemTotal_bytes"})]
