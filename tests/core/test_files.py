"""Files: whole or not at all, and never without a bound. Identity: who is who."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_core.errors import BadInput
from paramedic_core.sys import identity
from paramedic_core.sys.files import read_bounded, write_atomic


def test_replaced_whole_with_its_mode(tmp_path):
    path = tmp_path / "f"
    write_atomic(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_atomic(path, b"two", 0o644)
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["f"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A limit on the size of files stands for the full disk: write(2) fails half-way."""
    path = tmp_path / "f"
    write_atomic(path, b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from paramedic_core.sys.files import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), b'x' * 5000)\n"
        "except OSError: sys.exit(7)"
    )
    done = subprocess.run([sys.executable, "-P", "-B", "-c", code, str(path)], timeout=30, check=False)
    assert done.returncode == 7
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "f", b"x")


def test_a_bound(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10)
    assert read_bounded(path, 10) == b"x" * 10
    with pytest.raises(BadInput, match="larger than 9"):
        read_bounded(path, 9)


def test_an_endless_file_ends_at_the_bound():
    with pytest.raises(BadInput):
        read_bounded(Path("/dev/zero"), 1000)


def test_host_id_stays(tmp_path):
    first = identity.host_id(tmp_path)
    assert len(first) == 12
    assert int(first, 16) >= 0
    assert identity.host_id(tmp_path) == first
    machine = Path("/etc/machine-id")
    assert not machine.exists() or first not in machine.read_text()


def test_uids():
    assert len(set(identity.UIDS.values())) == len(identity.UIDS)
    assert all(uid == 0 or uid > 59110 for uid in identity.UIDS.values())
    if os.geteuid() == 0:
        assert (identity.uid_of("healer"), identity.uid_of("runtime")) == (59115, 0)


def test_an_armed_fault_point_kills_once(tmp_path):
    code = "from paramedic_core.fault import fault; fault('other'); fault('here'); print('alive')"
    env = os.environ | {"PARAMEDIC_FAULTS": f"here={tmp_path / 'x'},bad"}

    def run():
        return subprocess.run(
            [sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, timeout=30, check=False
        )

    assert run().returncode == -signal.SIGKILL
    assert run().stdout == "alive\n"
