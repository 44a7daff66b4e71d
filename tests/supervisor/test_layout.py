"""The data directory: made right, never another's changed, and errors that say what to do."""

import os
import stat

import pytest

from paramedic import layout
from paramedic.roles import SPECS
from paramedic_core.errors import ConfigError
from support_supervisor import short_folder

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def folder():
    with short_folder() as path:
        yield path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_again_is_the_same(folder):
    for _ in range(2):
        layout.prepare(folder / "a" / "data", SPECS)
    assert sorted(p.name for p in (folder / "a" / "data").iterdir()) == sorted(
        {"run"} | {s.name for s in SPECS if s.folder} | {name for s in SPECS for name in s.stores}
    )


@root
def test_wrong_rights_are_put_right(folder):
    data = folder / "data"
    layout.prepare(data, SPECS)
    (data / "runtime").chmod(0o777)
    (data / "run").chmod(0o777)
    os.chown(data / "healer", 0, 0)
    layout.prepare(data, SPECS)
    assert (mode(data / "runtime"), mode(data / "run")) == (0o700, 0o750)
    assert (data / "healer").stat().st_uid == 59115


@root
def test_a_folder_with_other_things_keeps_its_rights(folder):
    (folder / "my-file").write_text("x")
    layout.prepare(folder, SPECS)
    assert (mode(folder), folder.stat().st_gid) == (0o755, 0)
    assert mode(folder / "runtime") == 0o700


@root
def test_an_empty_one_and_one_with_a_freeze_file_are_taken(folder):
    (folder / "FREEZE").touch()
    folder.chmod(0o700)
    layout.prepare(folder, SPECS)
    assert (mode(folder), folder.stat().st_gid) == (0o750, 59110)


@root
def test_a_closed_parent_is_named_with_the_remedy(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=rf"{closed} \(mode 0700\) keeps the roles out .* `chmod o\+x {closed}`"):
        layout.prepare(closed / "data", SPECS)


def test_a_file_in_the_way(folder):
    (folder / "data").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot be used .* name another with --data"):
        layout.prepare(folder / "data", SPECS)


@root
def test_a_link_in_place_of_a_folder_is_not_followed(folder):
    victim = folder / "victim"
    victim.mkdir(mode=0o755)
    data = folder / "data"
    layout.prepare(data, SPECS)
    (data / "healer").rmdir()
    (data / "healer").symlink_to(victim)
    with pytest.raises(ConfigError, match="cannot be used"):
        layout.prepare(data, SPECS)
    assert (mode(victim), victim.stat().st_uid) == (0o755, 0)
