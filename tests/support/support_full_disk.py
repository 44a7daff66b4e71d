"""Runtime's hands on a disk that really is full. Run in a mount namespace of its own:

unshare -m python -m support_full_disk FOLDER full|amid|readonly

Prints one JSON line with what was seen.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from paramedic_core.clock import FakeClock
from paramedic_core.errors import StoreUnavailable
from support_hands import Rig


def fill(path: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")


def refusal(rig: Rig, target: str) -> str:
    """What an act is answered; empty when it was done."""
    try:
        rig.wish(target)
    except StoreUnavailable as error:
        return str(error)
    return ""


def scenario(folder: Path, kind: str) -> dict[str, Any]:
    """Two good acts, then the disk fills up (`amid`: during the second), and gets free again."""
    clock = FakeClock()
    rig = Rig(folder, clock)
    web = rig.backend.add("web", labels={"paramedic.heal": "true"})
    rig.look()
    seen: dict[str, Any] = {"first": rig.wish(web).status.value}
    filler = folder / "filler"
    if kind == "amid":
        call = rig.backend.restart

        def restart(target: str, timeout: float) -> None:
            call(target, timeout)
            fill(filler)

        rig.backend.__dict__["restart"] = restart
    seen["second"] = rig.wish(web, key="second").status.value
    rig.backend.__dict__.pop("restart", None)
    if kind == "readonly":
        # The kernel lets nobody make it so while the record is open for writing: this is the next life's start.
        rig.acts.close()
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        rig = rig.again()
    else:
        fill(filler)
    clock.advance(60)
    # Without any act being asked for, it is noticed.
    rig.look()
    seen["noticed"] = rig.worlds.world.hands.reason
    seen["refusal"] = refusal(rig, web)
    seen["ready"] = rig.hands.ready().ready
    seen["acts_while_full"] = len(rig.backend.acts)
    seen["second_while_full"] = (found := rig.acts.find("second")) and found.status.value if kind != "readonly" else ""
    with contextlib.suppress(StoreUnavailable):
        rig.freeze.freeze("test", "no room")
    seen["frozen"] = rig.freeze.on()
    if kind == "readonly":
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    else:
        filler.unlink()
    rig.freeze.thaw()
    clock.advance(11)
    rig.look()
    seen["recovered"] = rig.worlds.world.hands.ready
    seen["third"] = rig.wish(web).status.value
    seen["acts"] = len(rig.backend.acts)
    rig = rig.again()
    seen["recorded"] = [act.status.value for act in rig.acts.after(0)]
    return seen


if __name__ == "__main__":
    place = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    print(json.dumps(scenario(place, sys.argv[2])))
