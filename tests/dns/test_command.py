"""`paramedic dns`, against a real role that knows an old World."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_dns.keep import Keep
from paramedic_dns.slim import slim
from paramedic_dns.stats import Stats
from support_dns import ZONE, role, shop, until
from support_ports import free_port

WEB = f"web.shop.svc.{ZONE}"


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pm-", dir="/tmp"))
    try:
        (folder / "dns").mkdir()
        (folder / "run").mkdir()
        keep = Keep(folder / "dns/world.json.z", Stats())
        keep.offer(slim(shop()))
        keep.start()
        until((folder / "dns/world.json.z").exists)
        keep.stop()
        with role(folder, port=free_port()) as built:
            names = next(c for c in built.components if c.name == "names")
            until(lambda: names.ready().ready)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def paramedic(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "paramedic", *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_records(data: Path) -> None:
    shown = paramedic(data, "dns", "records")
    assert shown.returncode == 0, shown.stderr
    line = next(line for line in shown.stdout.splitlines() if line.startswith(f"{WEB}."))
    assert "shop_web_3 172.30.0.4 (unhealthy)" in line
    assert "headless." not in shown.stdout
    assert "headless." in paramedic(data, "dns", "records", "--all").stdout
    assert "loner" not in paramedic(data, "dns", "records", "shop").stdout
    assert json.loads(paramedic(data, "dns", "records", "-o", "json").stdout)["zone"] == f"{ZONE}."


def test_query(data: Path) -> None:
    shown = paramedic(data, "dns", "query", WEB)
    assert shown.returncode == 0, shown.stderr
    assert f"{WEB}. 5 IN A 172.30.0.2" in shown.stdout
    assert "unhealthy" in shown.stdout
    far = paramedic(data, "dns", "query", WEB, "--from", "loner")
    assert far.returncode == 1
    assert "asker: container loner (172.31.0.2) on back" in far.stdout
    assert "no shared network" in far.stdout
    assert json.loads(paramedic(data, "dns", "query", WEB, "--type", "txt", "-o", "json").stdout)["rcode"] == "NOERROR"


def test_what_is_wrong_is_said(data: Path, tmp_path: Path) -> None:
    assert "is no type" in paramedic(data, "dns", "query", WEB, "--type", "nonsense").stderr
    away = paramedic(tmp_path, "dns", "records")
    assert away.returncode == 4
    assert "paramedic run" in away.stderr


def test_an_asker_that_is_not_there(data: Path) -> None:
    shown = paramedic(data, "dns", "query", WEB, "--from", "nope")
    assert shown.returncode == 1
    assert "there is no container 'nope' on this host" in shown.stderr
    assert not shown.stdout
