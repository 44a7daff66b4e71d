"""Roles go on reading their modules and files after they gave up root, also from below a closed folder."""

import os
import subprocess
import sys

import pytest

from support_supervisor import short_folder

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
ROLE = """
import importlib, os, sys
import part, json
from paramedic import installation
from paramedic_core.sys import processes
installation.hold_open()
os.setgroups([]); os.setresgid(59110, 59110, 59110); os.setresuid(59115, 59115, 59115)
processes._prctl(4, 1)
import part.late, part.deep.later
from importlib.resources import files
print(part.late.WORD, part.deep.later.WORD, files(part).joinpath("page.html").read_text())
"xn".encode("idna")
print(len(installation.descriptors()) > 0)
"""


@pytest.fixture
def place():
    with short_folder() as folder:
        package = folder / "clone" / "part" / "deep"
        package.mkdir(parents=True)
        (package.parent / "__init__.py").write_text("")
        (package.parent / "late.py").write_text("WORD = 'late'")
        (package.parent / "page.html").write_text("<p>")
        (package / "__init__.py").write_text("")
        (package / "later.py").write_text("WORD = 'later'")
        folder.chmod(0o700)
        yield folder / "clone"


def run(place):
    env = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", ROLE], capture_output=True, text=True, env=env, check=False, cwd="/")


def test_below_a_closed_parent(place):
    done = run(place)
    assert done.stdout.split() == ["late", "later", "<p>", "True"], done.stderr


def test_a_closed_folder_itself_is_named_with_the_remedy(place):
    place.chmod(0o700)
    assert f"{place} cannot be read by the uids that the roles get: `chmod -R o+rX {place}`" in run(place).stderr


def test_nothing_is_done_where_nothing_is_closed(place):
    place.parent.chmod(0o755)
    code = "import sys; from paramedic import installation as i; sys.path[:] = [sys.argv[1]]; i.hold_open(); print(sys.path, i.descriptors())"
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"['{place}'] ()"
