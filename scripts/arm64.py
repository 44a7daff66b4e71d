"""Asks the registry, for each package of an installation, which of its locked files fits linux/arm64; for `make lock`.

pip resolves as if it ran on arm64 with the Python of the image's base, allows wheels only (the image has no compiler), and
takes only files whose hashes the lock has. Nothing is installed. The names that it chose are kept in
deploy/arm64.txt, which a test holds against the lock without any network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLATFORM = [
    "--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64", "--platform", "manylinux_2_34_aarch64",
    "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none",
]  # fmt: skip


def main() -> None:
    """Write deploy/arm64.txt."""
    locked = subprocess.run(
        [sys.executable, ROOT / "deploy/locked.py"], capture_output=True, text=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as scratch:
        wanted, report = Path(scratch, "locked.txt"), Path(scratch, "report.json")
        wanted.write_text(locked)
        resolve = [
            sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--only-binary", ":all:",
            *_PLATFORM, "--target", str(Path(scratch, "none")), "--require-hashes", "-r", str(wanted), "--report", str(report),
        ]  # fmt: skip
        subprocess.run(resolve, check=True)
        chosen = json.loads(report.read_text())["install"]
    lines = sorted(f"{c['download_info']['archive_info']['hashes']['sha256']}  {_file(c)}" for c in chosen)
    lines.sort(key=lambda line: line.partition("  ")[2].lower())
    (ROOT / "deploy/arm64.txt").write_text("\n".join(lines) + "\n")


def _file(choice: dict[str, dict[str, str]]) -> str:
    return choice["download_info"]["url"].rpartition("/")[2]


if __name__ == "__main__":
    main()
