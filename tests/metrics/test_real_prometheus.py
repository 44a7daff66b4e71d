"""A real Prometheus sends to us, and its promtool asks us: what it knows, we know."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from paramedic_core.errors import PeerAway, Temporary
from paramedic_core.sys.query import Query
from support_hub import Stand, stand
from support_metrics import exposing
from support_ports import free_port
from support_wait import wait_until

_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, external_labels: {{from: prometheus}}}}
scrape_configs:
  - {{job_name: target, static_configs: [{{targets: ["{target}"]}}]}}
  - {{job_name: self, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
remote_write:
  - url: {url}prometheus/api/v1/write
    authorization: {{credentials: {token}}}
    queue_config: {{batch_send_deadline: 500ms}}
    metadata_config: {{send_interval: 1s}}
"""


@contextmanager
def prometheus(hub: Stand, target: str, folder: Path) -> Iterator[Query]:
    """Prometheus that scrapes a target and itself, and sends to the hub."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus (Debian: prometheus)")
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(target=target, port=port, url=hub.url, token=hub.token("sender")))
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        yield Query(f"http://127.0.0.1:{port}", timeout=10)
    finally:
        running.terminate()
        running.wait(30)


def at_least(query: Query, expression: str, least: float) -> bool:
    try:
        found = query.instant(expression).series
    except (PeerAway, Temporary):
        return False
    return bool(found) and found[0].value >= least


def test_prometheus_sends_and_we_know_what_it_knows(tmp_path: Path) -> None:
    with exposing(b"# TYPE a_total counter\n# HELP a_total what\na_total 1\n") as target, stand(serve=True) as hub:
        ours = Query(f"{hub.url}prometheus", timeout=10)
        with prometheus(hub, target.address, tmp_path) as theirs:
            wait_until(
                lambda: at_least(ours, 'count_over_time(a_total{from="prometheus"}[5m])', 5), within=60, every=0.3
            )
            target.body, target.status = b"", 500
            wait_until(lambda: at_least(ours, '1 - up{job="target"}', 1), within=30, every=0.3)
            wait_until(lambda: ours.instant("a_total").series == ())  # a stale marker came
            end = theirs.instant("time()").series[0].value - 3
            for expression in (
                "count by (__name__) ({job='self'})",
                "up",
                "a_total",
                "scrape_samples_scraped",
                "prometheus_tsdb_head_series",
            ):
                wanted = theirs.range(expression, end - 4, end, 1).series
                found = {
                    tuple(sorted(_plain(s.labels).items())): s.points
                    for s in ours.range(_of_prometheus(expression), end - 4, end, 1).series
                }
                assert found == {tuple(sorted(s.labels.items())): s.points for s in wanted}, expression
            metadata = hub.client.get("/prometheus/api/v1/metadata?metric=a_total").get_json()["data"]
            assert metadata == {"a_total": [{"type": "counter", "help": "what", "unit": ""}]}
        receiver = hub.hub.measured.metrics.receiver
        assert (receiver.refused, receiver.invalid) == (0, 0)
        assert receiver.samples > 1000


def _of_prometheus(expression: str) -> str:
    """Only what Prometheus sent: the hub has targets of its own."""
    if "{" in expression:
        return expression.replace("{", "{from='prometheus',")
    return expression + "{from='prometheus'}"


def _plain(labels: Any) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "from"}


def test_promtool_asks_us() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool (Debian: prometheus)")

    def asked(*words: str) -> str:
        done = subprocess.run([str(promtool), "query", *words], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with stand(serve=True) as hub:
        ours = Query(f"{hub.url}prometheus")
        wait_until(lambda: at_least(ours, "count_over_time(up{job='node'}[1m])", 2), within=30, every=0.2)
        url = f"{hub.url}prometheus"
        assert 'up{instance="tuna", job="node", node="tuna"} => 1 @[' in asked("instant", url, "up")
        assert json.loads(asked("-o", "json", "instant", url, "1 + 1"))[1] == "2"
        now = ours.instant("time()").series[0].value
        assert "1 @[" in asked("range", f"--start={now - 5:.0f}", f"--end={now:.0f}", "--step=1s", url, "up")
        assert "up" in asked("series", "--match=up", url)
        assert asked("labels", url, "job") == "node\nparamedic\n"
