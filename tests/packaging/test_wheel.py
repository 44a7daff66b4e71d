"""The wheel holds every file of every part, and nothing else: hatchling obeys .gitignore, where one line drops a part."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support_repo import ROOT, files, packages


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_every_file_of_every_part_is_in_the_wheel(names: list[str]) -> None:
    tops = {package.parts: package for package in packages()}
    wanted = {str(f.relative_to(tops[f.parts[:2]].parent)) for f in files() if f.parts[:2] in tops}
    got = {name for name in names if ".dist-info/" not in name}
    assert wanted - got == set(), "missing in the wheel"
    assert got - wanted == set(), "in the wheel, and not in the repository"


def test_each_part_is_there(names: list[str]) -> None:
    parts = {Path(name).parts[0] for name in names}
    assert {package.name for package in packages()} <= parts
    assert not {"tests", "dns", "logs", "bench", "scripts"} & parts


def test_licence_and_command_are_there(names: list[str]) -> None:
    inside = {name.partition(".dist-info/")[2] for name in names}
    assert {"licenses/LICENSE", "entry_points.txt", "METADATA"} <= inside
