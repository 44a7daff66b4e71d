"""The generated pages are those that the code gives; and the agreed surface (names and defaults) is what the code has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest

from paramedic.cli import cli
from paramedic_core.config.load import load
from paramedic_core.config.shown import shown
from support_repo import ROOT

# The names that people and other programs rely on, with their defaults, as they were agreed.
SURFACE = {
    "hub.listen": "127.0.0.1:9110",
    "collector.listen": "127.0.0.1:9112",
    "runtime.engine": "",
    "healer.default": "observe",
    "healer.max": "enforce",
    "healer.services": {},
    "healer.startup_grace": "10s",
    "healer.windows": ["5 per 15m", "10 per 1d"],
    "dns.port": 5311,
    "logs.forward.listen": "off",
    "logs.retention_bytes": "2GiB",
    "logs.retention": "30d",
    "metrics.retention": "15d",
    "metrics.retention_bytes": "4GiB",
    "notify": [],
    "heartbeat.url": "",
    "data": "/var/lib/paramedic",
}
COMMANDS = {
    "run", "demo", "check", "config", "status", "plan", "journal", "explain", "heal", "freeze", "doctor", "healthcheck",
    "token", "version", "notify", "query", "tsdb",
}  # fmt: skip


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([ROOT / "scripts/docs", "--check"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(SURFACE))
def test_a_setting_of_the_surface_has_its_default(name: str) -> None:
    rows = {row.dotted: row.value for row in shown(load())}
    assert rows[name] == SURFACE[name]
    assert f"### {name}\n" in Path(ROOT / "docs/reference/settings.md").read_text()


def test_every_command_of_the_surface_is_there() -> None:
    assert set(cli.list_commands(click.Context(cli))) >= COMMANDS
    assert cli.get_command(click.Context(cli), "why") is cli.get_command(click.Context(cli), "explain")


def test_examples_of_a_command_keep_their_lines() -> None:
    lines = (ROOT / "docs/reference/command-line.md").read_text().splitlines()
    assert "    paramedic query up" in lines
    assert not [line for line in lines if "\b" in line]


def test_every_setting_says_what_it_is() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    silent = [block.split("\n")[0] for block in page.split("### ")[1:] if block.split("\n\n")[1].startswith("Default:")]
    assert not silent, f"no docstring in settings.py: {silent}"
