"""Examples in the documentation work: configurations load, programs run, commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from paramedic.cli import cli
from support_docs import Block, blocks
from support_repo import ROOT

PARAMEDIC = Path(sys.executable).with_name("paramedic")
_COMMAND = re.compile(r"^\s*(?:\$\s+|#\s+)?(?:sudo\s+)?(?:\.venv/bin/)?(paramedic(?:\s.*)?)$")


@pytest.mark.parametrize("block", [b for b in blocks("yaml") if b.note in ("", "findings")], ids=str)
def test_every_configuration_is_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "paramedic.yml"
    file.write_text(block.text)
    check = [PARAMEDIC, "check", "config", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    # "findings" marks an example that is allowed, and that `check config` has a word of warning for.
    assert done.returncode == (3 if block.note else 0), f"{block}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_program_runs(block: Block, tmp_path: Path) -> None:
    run = [sys.executable, "-W", "error", "-c", block.text]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", blocks("console", "sh", "bash", "shell"), ids=str)
def test_every_command_exists(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        match = _COMMAND.match(line)
        if match:
            _resolve(
                cli,
                shlex.split(match[1].partition(" #")[0].partition(" | ")[0].partition(" > ")[0])[1:],
                f"{block}: {line}",
            )
        for target in re.findall(r"^\s*(?:\$\s+)?(?:sudo\s+)?make ([a-z]+)", line):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{block}: make {target}"


def _resolve(command: click.Command, words: list[str], where: str) -> None:
    """Walk down the groups by the words, then see that each option is one of the command's."""
    context = click.Context(command)
    known = set(command.params[:])
    while isinstance(command, click.Group):
        name = next((w for w in words if not w.startswith("-")), None)
        if name is None:
            break
        found = command.get_command(context, name)
        assert found is not None, f"{where}: there is no command {name!r}"
        words.remove(name)
        command = found
        known |= set(command.params)
    options = {o for p in known if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    for word in words:
        if word.startswith("-") and word != "-" and not re.fullmatch(r"-\d+", word):
            assert word.partition("=")[0] in options, f"{where}: {word} is none of {sorted(options)}"
