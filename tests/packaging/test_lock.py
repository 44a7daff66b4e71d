"""requirements.lock: what `make setup` installs is what pyproject.toml asks for, byte for byte."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support_repo import ROOT


def _locked() -> dict[str, tuple[str, int]]:
    found = {}
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text()):
        match = re.match(r"([A-Za-z0-9._-]+)==([^ \\]+)", block)
        if match:
            found[canonicalize_name(match[1])] = (match[2], block.count("--hash=sha256:"))
    return found


def test_every_package_has_hashes() -> None:
    assert not [name for name, (_, hashes) in _locked().items() if hashes == 0]


def test_every_requirement_is_locked_within_its_range() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    locked = _locked()
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(locked[name][0], prereleases=True), f"{name}: run `make lock`"
