"""A container says by its labels that it has metrics: nothing is configured, and `paramedic query` answers."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from support_engine import PrivateEngine
from support_paramedic import paramedic
from support_ports import free_port
from support_wait import wait_until

pytestmark = pytest.mark.engine

NAME, NETWORK = "scraped-app", "scraped-apps"
LABELS = {
    "paramedic.scrape.port": "8000",
    "paramedic.scrape.path": "/m.txt",
    "paramedic.scrape.interval": "1s",
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
}
_SCRIPT = "echo 'orders_total{kind=\"book\"} 42' >/tmp/m.txt; exec httpd -f -p 8000 -h /tmp"


@pytest.fixture
def app(private_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """A web server in a container, which exposes one metric."""
    private_engine.docker("network", "create", NETWORK)
    options = [word for name, value in LABELS.items() for word in ("--label", f"{name}={value}")]
    try:
        private_engine.run(NAME, "sh", "-c", _SCRIPT, options=[*options, "--network", NETWORK])
        yield private_engine
    finally:
        private_engine.remove(NAME)
        private_engine.docker("network", "rm", NETWORK)


def asked(port: int, expression: str) -> list[dict[str, Any]]:
    """What the command line of paramedic is told."""
    words = ("query", expression, "-o", "json", "--url", f"http://127.0.0.1:{port}/prometheus")
    done = subprocess.run(
        [sys.executable, "-m", "paramedic", *words], capture_output=True, text=True, timeout=60, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["series"]
    return found


def last_error(port: int) -> str:
    """What the targets page says of the container's last scrape."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/prometheus/api/v1/targets", timeout=10) as answer:
        active = json.load(answer)["data"]["activeTargets"]
    return next(str(t["lastError"]) for t in active if t["labels"]["job"] == "shop/web")


def test_what_a_container_exposes_is_kept_until_it_ends(app: PrivateEngine) -> None:
    port = free_port()
    address = app.inspect(NAME)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    with paramedic(
        app.host,
        roles=("runtime", "collector", "healer", "hub"),
        hub__listen=f"127.0.0.1:{port}",
        collector__listen="127.0.0.1:0",
        node="tuna",
    ) as running:
        wait_until(lambda: asked(port, "orders_total"), within=60, every=0.3)
        (found,) = asked(port, "orders_total")
        of = {"job": "shop/web", "instance": f"{address}:8000", "container": NAME, "node": "tuna"}
        assert found["labels"] == {"__name__": "orders_total", "kind": "book", **of}
        assert found["points"][0][1] == 42.0
        # A line that is none: the target says which, and so does the log, once.
        app.docker("exec", NAME, "sh", "-c", "cp /tmp/m.txt /tmp/good; echo 'bad line here' >>/tmp/m.txt")
        wait_until(lambda: "line 2 is no sample: 'bad line here'" in last_error(port), within=20, every=0.3)
        app.docker("exec", NAME, "cp", "/tmp/good", "/tmp/m.txt")
        wait_until(lambda: not last_error(port), within=20, every=0.3)
        assert running.log.read_text().count(f"the application of container {NAME} is not scraped: line 2") == 1
        # Its own interval is 1 s; that of all others is 15 s.
        wait_until(lambda: asked(port, "count_over_time(orders_total[10s]) > 5"), within=30, every=0.3)
        app.docker("kill", NAME)
        wait_until(lambda: not asked(port, "orders_total"), within=20, every=0.3)
        # Not only down: nothing is left of it, as it is no target any more.
        wait_until(lambda: not asked(port, 'up{job="shop/web"}'), within=30, every=0.3)
        assert asked(port, "last_over_time(orders_total[5m])")
        assert [s["labels"]["job"] for s in asked(port, 'up{job=~"shop/web|node"}')] == ["node"]
