"""`freeze`: through runtime, and with everything dead."""

import json
import os

import pytest


def test_through_runtime(run, stage):
    stage.up()
    assert run("freeze", "--reason", "maintenance").out == "frozen: nothing is acted on\n"
    assert run("freeze", "--off").status == 0
    (_, on, _), (_, off, _) = stage.posted
    assert (on["on"], on["reason"], off["on"]) == (True, "maintenance", False)
    assert on["by"].endswith("on the command line")


def test_with_everything_dead_the_file_is_changed(run, stage):
    answer = run("freeze", "--reason", "fire")
    assert answer.status == 0
    assert "counts as soon as it is back" in answer.err
    assert json.loads((stage.data / "FREEZE").read_text())["reason"] == "fire"
    assert run("freeze", "--reason", "another").status == 0
    assert json.loads((stage.data / "FREEZE").read_text())["reason"] == "fire"
    assert run("freeze", "--off").status == 0
    assert not (stage.data / "FREEZE").exists()
    assert run("freeze", "--off").status == 0


def test_nowhere_to_freeze(run):
    answer = run("freeze", "--data", "/nonexistent/there")
    assert answer.status == 1
    assert "is --data right?" in answer.err
    assert not os.path.exists("/nonexistent")


@pytest.mark.parametrize("argv", [("freeze", "--off")])
def test_refused(run, stage, argv):
    stage.refuse = True
    stage.up()
    answer = run(*argv)
    assert answer.status == 5
    assert "--token" in answer.err
