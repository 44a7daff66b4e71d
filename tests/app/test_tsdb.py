"""`paramedic tsdb` on a store of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paramedic.cli import main
from support_tsdb import START, Rig, fill, flip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rig = Rig(tmp_path / "metrics")
    fill(rig, 200)
    rig.store.upkeep.seal_all()
    rig.store.stop()
    return tmp_path


def called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = main(["tsdb", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_check(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    status, out, err = called(capsys, "check", "--data", data)
    assert (status, out) == (0, "")
    assert "read 4000 sealed samples of 20 series in 1 block of 1 part" in err
    assert "all of it can be read" in err
    (path,) = (data / "metrics/parts").glob("*.part")
    flip(path, 100)
    status, out, err = called(capsys, "check", "--data", data)
    assert status == 1
    assert out.splitlines()[1].split()[:3] == [f"parts/{path.name}", "block", "0"]
    assert "paramedic tsdb repair" in err
    status, out, _ = called(capsys, "check", "--data", data, "-o", "json")
    assert status == 1
    (damage,) = json.loads(out)["damage"]
    assert (damage["file"], damage["series"], damage["samples"]) == (f"parts/{path.name}", 20, 4000)


def test_no_store_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = called(capsys, "check", "--data", tmp_path)
    assert (status, "is --data right?" in err) == (1, True)


def test_repair(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    assert called(capsys, "repair", "--data", data) == (0, "", "nothing is damaged\n")
    (path,) = (data / "metrics/parts").glob("*.part")
    flip(path, 100)
    status, out, _ = called(capsys, "repair", "--data", data)
    assert status == 0
    assert (
        out
        == f"parts/{path.name}: 1 of its 1 blocks could not be read, 20 series of them; it is kept as damaged/{path.name}\n"
    )
    status, out, _ = called(capsys, "check", "--data", data)
    assert (status, f"damaged/{path.name} was set aside" in out) == (3, True)


def test_a_hub_that_runs_is_left_alone(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    rig = Rig(data / "metrics")
    status, _, err = called(capsys, "repair", "--data", data)
    assert status == 1
    assert "stop paramedic there first" in err
    assert called(capsys, "check", "--data", data)[0] == 0
    assert called(capsys, "dump", "--data", data)[0] == 0
    rig.store.stop()


def test_dump(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    status, out, _ = called(capsys, "dump", 'm3{i="3"}', "--data", data, "--from", "1700002970", "--to", "1700003000")
    assert (status, len(out.splitlines())) == (0, 4)
    assert out.splitlines()[2].startswith('m3{i="3",job="node"} ')
    assert out.splitlines()[2].endswith(" 1700003000.000")
    status, _, err = called(capsys, "dump", "sum(m3)", "--data", data)
    assert (status, "a bare selector is expected" in err) == (1, True)
    (path,) = (data / "metrics/parts").glob("*.part")
    flip(path, 100)
    status, _, err = called(capsys, "dump", "--data", data)
    assert (status, "`paramedic tsdb check` names it" in err) == (3, True)


def test_a_query_of_a_store_without_a_hub(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    """At its last moment, which is years ago; over a range that ends there; and with what is damaged missing, and said."""

    def asked(*words: object) -> tuple[int, str, str]:
        status = main(["query", "--data", str(data), *map(str, words)])
        out, err = capsys.readouterr()
        return status, out, err

    assert asked("count(count_over_time({job='node'}[1m]))")[:2] == (0, "VALUE  SERIES\n   20  {}\n")
    assert asked("count(mad_over_time({job='node'}[1m]))")[0] == 0, (
        "what Prometheus calls experimental needs no hub's setting"
    )
    status, out, _ = asked("m1{i='1'}", "-o", "json")
    (series,) = json.loads(out)["series"]
    assert (status, series["points"]) == (0, [[START + 200 * 15, 199.0]])
    status, out, _ = asked("m1{i='1'}", "--range", "10m", "--step", "60s", "-o", "json")
    (series,) = json.loads(out)["series"]
    assert (status, len(series["points"])) == (0, 11)
    assert "HOW IT GOES" in asked("m1{i='1'}", "--range", "10m")[1]
    status, _, err = asked("sum(")
    assert (status, "parse error" in err) == (1, True)
    assert asked("m1", "--at", START - 1000)[2] == "there is no such series now\n"
    (path,) = (data / "metrics/parts").glob("*.part")
    flip(path, 100)
    status, _, err = asked("m1")
    assert (status, "`paramedic tsdb check` names it" in err) == (3, True)
    status, _, err = asked("m1", "--data", data / "nowhere")
    assert (status, "is --data right?" in err) == (1, True)
