"""No record, no act: on a file system that is really full, or read-only, and gets well again."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.errors import StoreUnavailable
from support_hands import Rig

SUPPORT = Path(__file__).parents[1] / "support"


def namespace() -> list[str]:
    """How to get a mount namespace here."""
    for command in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], check=False, capture_output=True).returncode
        ):
            return command
    pytest.skip("no mount namespace can be had here")


@pytest.mark.parametrize("kind", ["full", "amid", "readonly"])
def test_no_act_while_the_disk_takes_nothing_and_again_when_it_does(tmp_path, kind):
    done = subprocess.run(
        [*namespace(), sys.executable, "-m", "support_full_disk", str(tmp_path), kind],
        check=False,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["first"], seen["second"]) == ("done", "done")
    assert "no act without its record" in seen["noticed"] or "waits to be written" in seen["noticed"]
    assert seen["refusal"]
    assert not seen["ready"]
    assert seen["acts_while_full"] == 2
    if kind != "readonly":
        assert seen["second_while_full"] == "done"
    assert seen["frozen"]
    assert seen["recovered"]
    assert seen["third"] == "done"
    assert seen["acts"] == 3
    assert seen["recorded"] == ["done"] * 3


def test_a_limit_on_the_size_of_files(tmp_path):
    """What statvfs(2) cannot see (a quota) is found at the act itself; the kernel refuses the write with EFBIG."""
    rig = Rig(tmp_path, FakeClock())
    web = rig.backend.add("web", labels={"paramedic.heal": "true"})
    rig.look()
    rig.wish(web)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StoreUnavailable, match="no act without its record"):
            rig.wish(web)
        assert len(rig.backend.acts) == 1
        rig.look()
        assert not rig.worlds.world.hands.ready
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    rig.clock.advance(11)
    rig.look()
    rig.clock.advance(11)
    rig.look()
    assert rig.worlds.world.hands.ready
    assert rig.wish(web).status == "done"
    rig.acts.close()
