"""A stage with stand-in roles, and a way to call a command on it."""

import functools

import pytest

from support_console import Stage, call


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.down()


@pytest.fixture
def run(capsys, stage, monkeypatch):
    """Call a command with the stage's data directory."""
    for name in ("PARAMEDIC_TOKEN", "PARAMEDIC_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARAMEDIC_DATA", str(stage.data))
    return functools.partial(call, capsys)
