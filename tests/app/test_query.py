"""`paramedic query` on a real hub, and the scrape file in `paramedic check config`."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path

import pytest

from paramedic.cli import main
from paramedic.console.chart import chart, number, spark
from paramedic_api import role as hub_role
from paramedic_core.clock import SystemClock
from paramedic_core.settings import HubSettings, Settings
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.query import Query
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from support_hub import stand
from support_wait import wait_until


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    out, err = capsys.readouterr()
    return status, out, err


def test_a_table_a_chart_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    with stand(serve=True) as hub:
        url = f"{hub.url}prometheus"
        query = Query(url)
        wait_until(
            lambda: len(query.instant("count_over_time(up{job='node'}[1m]) >= 2").series) == 1, within=30, every=0.2
        )
        status, out, _ = called(capsys, "query", "up{job='node'}", "--url", url)
        assert (status, out.splitlines()[1].split()) == (0, ["1", 'up{instance="tuna",', 'job="node",', 'node="tuna"}'])
        status, out, _ = called(capsys, "query", "up{job='node'} * 3", "--range", "1m", "--step", "1s", "--url", url)
        assert status == 0
        assert "┤" in out.splitlines()[0]
        assert "HOW IT GOES" in out
        status, out, _ = called(capsys, "query", "vector(1/0)", "-o", "json", "--url", url)
        assert (status, json.loads(out)["series"][0]["points"][0][1]) == (0, "+Inf")
        status, _, err = called(capsys, "query", "sum(", "--url", url)
        assert (status, "parse error" in err) == (1, True)
        status, _, err = called(capsys, "query", "nothing_at_all", "--url", url)
        assert (status, "there is no such series now" in err) == (0, True)
    assert called(capsys, "query", "up", "--url", url)[0] == 4


def test_the_hub_of_a_data_directory_is_found_where_it_listens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="pm") as folder:
        data = Path(folder)
        (data / "run").mkdir()
        monkeypatch.setenv("PARAMEDIC_DATA", folder)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            monkeypatch.setenv("PARAMEDIC_HUB__LISTEN", f"127.0.0.1:{closed.getsockname()[1]}")
        status, _, err = called(capsys, "query", "vector(1)")
        assert status == 4
        assert "PARAMEDIC_DATA" in err
        assert "--url http://HOST:PORT/prometheus" in err
        role = hub_role.build(Settings(hub=HubSettings(listen="127.0.0.1:0")), data, "host", SystemClock())
        server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, "hub"))])
        started = [*role.components, server]
        for component in started:
            component.start()
        try:
            wait_until(lambda: called(capsys, "query", "vector(1)")[0] == 0)
        finally:
            for component in reversed(started):
                component.stop()


def test_mistakes_of_the_scrape_file_are_told_with_those_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.yml").write_text(
        "scrape_configs:\n  - job_name: a\n    scrape_intervall: 5s\n    honor_labels: maybe\n"
    )
    (tmp_path / "c.yaml").write_text(f"metrics: {{scrape_file: {tmp_path}/p.yml}}\n")
    status, out, _ = called(capsys, "check", "config", str(tmp_path / "c.yaml"))
    assert status == 1
    assert (
        f"{tmp_path}/p.yml:3:5: scrape_configs[0].scrape_intervall: there is no such setting: did you mean 'scrape_interval'?"
        in out
    )
    assert f"{tmp_path}/p.yml:4:19: scrape_configs[0].honor_labels: true or false was expected" in out
    (tmp_path / "p.yml").write_text("scrape_configs: [{job_name: a}]\n")
    assert called(capsys, "check", "config", str(tmp_path / "c.yaml"))[0] == 0


def test_charts_are_as_wide_as_asked_and_end_on_the_newest() -> None:
    values = [float(n) for n in range(100)]
    assert spark(values, 8) == "▁▂▃▄▅▆▇█"
    assert spark([1.0, None, 2.0], 8) == "▁ █"
    assert spark([None], 8) == ""
    assert spark([float("nan"), 1.0, float("inf"), 2.0, float("-inf")], 8) == " ▁ █ "
    assert spark([float("nan")], 8) == ""
    assert spark([-1.7e308, 0.0, 1.7e308], 8) == "▁▅█"
    assert spark([1.7e308] * 4 + [-1.7e308] * 4, 2) == "█▁"
    assert [row[-3:] for row in chart([-1.7e308, 0.0, 1.7e308], 40, 2)] == ["  █", "▁██"]
    rows = chart(values, 40, 4)
    assert len(rows) == 4
    assert all(len(row) <= 40 for row in rows)
    assert rows[0].endswith("█") or rows[0][-1] in "▁▂▃▄▅▆▇█"
    assert chart([None, float("inf")], 40, 4) == []
    assert [number(v) for v in (0.00012, 12346.0, 4.5e6, float("nan"))] == ["0.00012", "12.35k", "4.5M", "NaN"]
