"""The files for Grafana, Prometheus and Alertmanager: well formed by their own tools, and every metric in them is ours."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import paramedic_collector.sources
from paramedic.roles import SPECS
from paramedic_collector.scrape import DURATION, SUCCESS, Scraper
from paramedic_collector.source import Context, Source
from paramedic_core.clock import SystemClock
from paramedic_core.registry import discover
from paramedic_core.settings import Settings
from support_hub import stand

FILES = Path(str(importlib.resources.files("paramedic_dashboards")))
RULES = sorted(FILES.glob("prometheus/*.rules.yml"))
_VARIABLES = {"$__rate_interval": "1m", "$node": "n", "$hub": "h", "$container": "c"}
_NOT_OURS = {"up"}


def dashboards() -> list[Path]:
    return sorted(FILES.glob("grafana/*.json"))


def expressions(path: Path) -> list[tuple[str, str]]:
    """Every panel's and annotation's title and PromQL."""
    board = json.loads(path.read_text())
    found = [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", ())]
    return found + [(a["name"], a["expr"]) for a in board["annotations"]["list"]]


def rules() -> list[tuple[str, str]]:
    return [(r["alert"], r["expr"]) for f in RULES for g in yaml.safe_load(f.read_text())["groups"] for r in g["rules"]]


def plain(expr: str) -> str:
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def metrics_of(expr: str) -> set[str]:
    """The names that an expression selects, by the parser's own tree."""
    return set(_selected(promql_parser.parse(plain(expr))))


def _selected(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
    if isinstance(node, promql_parser.MatrixSelector):
        yield str(node.vector_selector.name)
    for part in ("expr", "lhs", "rhs", "param"):
        inner = getattr(node, part, None)
        if inner is not None:
            yield from _selected(inner)
    for argument in getattr(node, "args", None) or ():
        yield from _selected(argument)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every series' name that some part can give: what its exposition declares, samples or none."""
    names = {f.name for s in discover(paramedic_collector.sources, Source).plugins.values() for f in s.families}
    names |= {DURATION.name, SUCCESS.name}
    # Families such as `node_memory_*` have their names from the kernel: those of this machine.
    with contextlib.closing(Scraper(lambda: Context(now=time.time()))) as scraper:
        texts = [scraper.scrape()]
    for spec in SPECS:
        if spec.name != "hub":
            data = tmp_path_factory.mktemp(spec.name)
            (data / "run").mkdir()
            build = importlib.import_module(spec.module).build
            texts.append(build(Settings(), data, "cafe", SystemClock()).metrics())
    with stand("none", furnished=False) as found:
        texts.append(found.client.get("/metrics").text)
        (found.house.data / "run/supervisor.json").write_text(
            '{"roles": {"dns": {"stage": "up", "restarts": 0}}, "reload": {"successful": true, "at": 1}}'
        )
        texts.append(found.client.get("/metrics").text)
    for text in texts:
        for family in text_string_to_metric_families(text):
            names |= {family.name, f"{family.name}_total"} if family.type == "counter" else {family.name}
            names |= (
                {f"{family.name}_{end}" for end in ("bucket", "sum", "count")} if family.type == "histogram" else set()
            )
    return names


@pytest.mark.parametrize("path", dashboards(), ids=lambda p: p.stem)
def test_every_panel_asks_for_what_there_is(path: Path, known: set[str]) -> None:
    asked = expressions(path)
    assert len(asked) > 20
    for title, expr in asked:
        names = metrics_of(expr)
        assert names, f"{title} asks for nothing"
        assert names <= known, f"{title} asks for {names - known}, which nothing here gives"


def test_every_alert_asks_for_what_there_is(known: set[str]) -> None:
    assert len(rules()) > 10
    for title, expr in rules():
        names = metrics_of(expr)
        assert names
        assert names - _NOT_OURS <= known, f"{title} asks for {names - known}"


def test_the_check_would_see_a_name_that_is_not_there(known: set[str]) -> None:
    assert metrics_of('sum(rate(node_cpu_secs_total{a="b"}[5m])) / on (x) max_over_time(nope[1h:])') - known == {
        "node_cpu_secs_total",
        "nope",
    }


@pytest.mark.parametrize("path", dashboards(), ids=lambda p: p.stem)
def test_a_dashboard_can_be_brought_to_any_grafana(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"]
    assert "id" not in board, "an id is one installation's"
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    panels = [p for p in board["panels"] if p["type"] != "row"]
    assert {p["datasource"]["uid"] for p in panels} == {"${datasource}"}
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    taken = {(x, y) for p in board["panels"] for x in _span(p, "x", "w") for y in _span(p, "y", "h")}
    assert len(taken) == sum(p["gridPos"]["w"] * p["gridPos"]["h"] for p in board["panels"]), (
        "panels lie on one another"
    )
    used = set(re.findall(r"\$(\w+)", " ".join(e for _, e in expressions(path)))) - {"__rate_interval"}
    assert used <= variables.keys()


def _span(panel: dict[str, Any], at: str, size: str) -> range:
    return range(panel["gridPos"][at], panel["gridPos"][at] + panel["gridPos"][size])


def test_every_alert_says_what_is_wrong_and_how_grave() -> None:
    for file in RULES:
        acting = "actions" in file.name
        for rule in (r for g in yaml.safe_load(file.read_text())["groups"] for r in g["rules"]):
            assert rule["annotations"]["summary"], rule["alert"]
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert ("paramedic_action" in rule["labels"]) == acting, "only what is in the file for actions acts"


@pytest.mark.parametrize(
    ("tool", "package", "words"),
    [
        ("promtool", "prometheus", ("check", "rules", *map(str, RULES))),
        ("promtool", "prometheus", ("check", "config", str(FILES / "prometheus/prometheus.yml"))),
        ("amtool", "prometheus-alertmanager", ("check-config", str(FILES / "prometheus/alertmanager.yml"))),
    ],
    ids=["rules", "scrape", "alertmanager"],
)
def test_their_own_tools_accept_them(tool: str, package: str, words: tuple[str, ...]) -> None:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"there is no {tool} (Debian: {package})")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_grafanas_provisioning_names_what_the_dashboards_use() -> None:
    folder = FILES / "grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/paramedic.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards/paramedic.yml").read_text())["providers"]
    assert (source["type"], provider["type"]) == ("prometheus", "file")
