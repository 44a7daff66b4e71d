"""The repository as a set of files, for the tests about the repository itself."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BINARY = {".png", ".ico", ".woff2", ".gz", ".zst"}


def files() -> list[Path]:
    """Every file that is committed or could be, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.split(
        "\n"
    )
    return sorted({Path(name) for name in listed if name and (ROOT / name).is_file()})


def texts() -> dict[Path, str]:
    """Every text file's content."""
    return {f: (ROOT / f).read_text(encoding="utf-8") for f in files() if f.suffix not in _BINARY}


def modules() -> dict[Path, str]:
    """Every Python file's content."""
    return {f: text for f, text in texts().items() if f.suffix == ".py"}


def packages() -> list[Path]:
    """The folders of the import packages, as the wheel has them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    return [Path(name) for name in wheel["packages"]]
