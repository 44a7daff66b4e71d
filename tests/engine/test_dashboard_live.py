"""The Grafana dashboard and the alert rules against the hub's own store, after a real heal, a real name and real lines."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from paramedic_core.sys.query import Query, Result
from support_engine import PrivateEngine
from support_paramedic import Paramedic, paramedic
from support_ports import free_port
from support_wait import wait_until

pytestmark = pytest.mark.engine

NAME = "board-web"
ROLES = ("runtime", "collector", "healer", "dns", "logs", "hub")
_SCRIPT = "touch /tmp/well; echo a line; exec sleep 100000"
_OPTIONS = ("--label", "paramedic.heal=true", "--stop-timeout", "1", "--health-cmd", "test -f /tmp/well", "--health-interval", "0.5s",
            "--health-retries", "1", "--memory", "64m")  # fmt: skip
FILES = Path(str(importlib.resources.files("paramedic_dashboards")))
_VARIABLES = {"$__rate_interval": "1m", "$node": ".+", "$hub": ".+", "$container": ".+"}
HAPPENS_NOT_HERE = {
    "Restarts by restart policy, an hour",
    "Killed for memory, an hour",
    "refused: {{code}}",
    "gaps an hour: {{why}}",
}
"""Panels, or lines of them, that are rightly empty: nothing of the kind happened."""


@pytest.fixture
def web(private_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """A container that may be healed."""
    try:
        private_engine.docker("network", "create", NAME)
        private_engine.run(NAME, "sh", "-c", _SCRIPT, options=(*_OPTIONS, "--network", NAME))
        yield private_engine
    finally:
        private_engine.remove(NAME)
        private_engine.docker("network", "rm", NAME)


def panels() -> list[tuple[str, str, str]]:
    """Title, legend and expression of every line of every panel, and of the annotations."""
    board = json.loads((FILES / "grafana/paramedic.json").read_text())
    found = [(p["title"], t.get("legendFormat", ""), t["expr"]) for p in board["panels"] for t in p.get("targets", ())]
    found += [(a["name"], a["titleFormat"], a["expr"]) for a in board["annotations"]["list"]]
    variables = [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    return found + [(text, "", text.partition("(")[2].rpartition(",")[0]) for text in variables]


def plain(expression: str) -> str:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def alive(web: PrivateEngine, running: Paramedic, query: Query, port: int) -> None:
    """Return when everything that the dashboard shows has happened, twice scraped."""
    seen(query, "paramedic_acts_total == 0")  # `increase` wants to have seen the counter before
    seen(query, "paramedic_outcomes_total == 0")
    web.docker("exec", NAME, "rm", "/tmp/well")
    running.wait_journal("outcome", NAME)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        # RFC 1035: one question for the A of a name that there is not.
        question = (
            b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04nope\x09paramedic\x08internal\x00\x00\x01\x00\x01"
        )

        def asked() -> bool:
            asker.sendto(question, ("127.0.0.1", port))
            return bool(query.instant("sum(rate(coredns_dns_requests_total[1m])) > 0").series)

        wait_until(asked, within=40, every=0.5)
    for happened in (
        "increase(paramedic_acts_total[5m]) > 0",
        "increase(paramedic_incidents_total[5m]) > 0",
        "increase(paramedic_outcomes_total[5m]) > 0",
        "count_over_time(paramedic_logs_lines_total[1m]) > 1",
        "rate(container_network_receive_bytes_total[1m])",
    ):
        seen(query, happened)


def seen(query: Query, expression: str) -> None:
    """Return when an expression has a series."""
    end = time.monotonic() + 90
    while not query.instant(expression).series:
        assert time.monotonic() < end, f"nothing for {expression}"
        time.sleep(0.5)


def test_every_panel_shows_what_happened_and_every_alert_can_be_judged(web: PrivateEngine) -> None:
    port, names, began = free_port(), free_port(), time.time()
    with paramedic(
        web.host,
        roles=ROLES,
        hub__listen=f"127.0.0.1:{port}",
        collector__listen="127.0.0.1:0",
        dns__listen='["127.0.0.1"]',
        dns__port=str(names),
        metrics__scrape_interval="1s",
        node="tuna",
    ) as running:
        query = Query(f"http://127.0.0.1:{port}/prometheus")
        alive(web, running, query, names)
        # On a busy machine a scrape may be late.
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not empty(query, began), 60, every=1.0)
        assert empty(query, began) == {}
        for file in sorted(FILES.glob("prometheus/*.rules.yml")):
            for rule in (r for g in yaml.safe_load(file.read_text())["groups"] for r in g["rules"]):
                told = query.instant(rule["expr"])
                assert (told.kind, told.warnings) == ("vector", ()), rule["alert"]
        roles_scraped_as_one_job(query)
        wait_until(
            lambda: {s.labels["role"] for s in query.instant("paramedic_role_up == 1").series} == {*ROLES}, every=0.5
        )


def empty(query: Query, began: float) -> dict[str, str]:
    """The lines of panels that show nothing, though what they are about has happened."""
    found = {}
    for title, legend, expression in panels():
        told = query.range(plain(expression), began, time.time(), 1)
        if not told.series and title not in HAPPENS_NOT_HERE and legend not in HAPPENS_NOT_HERE:
            found[f"{title}: {legend}"] = plain(expression)
    return found


def roles_scraped_as_one_job(query: Query) -> None:
    wait_until(lambda: all(s.value == 1.0 for s in query.instant('up{job="paramedic"}').series), every=0.5)
    up = query.instant('up{job="paramedic"}')
    told = {"__name__": "up", "instance": "tuna", "job": "paramedic", "node": "tuna"}
    assert sorted((dict(s.labels) for s in up.series), key=lambda found: found["role"]) == [
        {**told, "role": role} for role in sorted({*ROLES} - {"collector"})
    ]
    added: Result = query.instant('count({job="paramedic"})')
    # Five roles, their `up` and its like; what a busier host adds is a few by cause, verb and kind of question.
    assert 50 < added.series[0].value < 300
    assert not query.instant('{job="paramedic",__name__=~"process_.*|python_.*|.*_created"}').series
