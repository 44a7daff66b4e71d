"""Where a container's cgroup is, under v1, v2 and both, with either driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_collector.blockio import Devices
from paramedic_collector.cgroup import folder, layout, memberships
from paramedic_collector.readings import readings
from support_collector import paths, tree

ID = "ab" * 32
V1 = f"""9:name=systemd:/docker/{ID}
4:memory:/docker/{ID}
2:cpu,cpuacct:/docker/{ID}
0::/docker/{ID}
"""


def _dirs(root: Path, *names: str) -> Path:
    for name in names:
        (root / "sys/fs/cgroup" / name).mkdir(parents=True)
    return root


def test_v1_with_two_controllers_in_one_hierarchy(tmp_path: Path) -> None:
    where = layout(paths(_dirs(tmp_path, "cpu,cpuacct", "memory", "systemd")))
    assert (where.unified, where.pure) == ("", False)
    members = memberships(V1.encode())
    base = tmp_path / "sys/fs/cgroup"
    assert folder(where, members, "cpuacct", ID) == f"{base}/cpu,cpuacct/docker/{ID}"
    assert folder(where, members, "memory", ID) == f"{base}/memory/docker/{ID}"
    assert folder(where, members, "pids", ID) is None  # the controller is off


def test_hybrid_takes_the_controllers_of_v1(tmp_path: Path) -> None:
    root = tree(_dirs(tmp_path, "memory"), {"sys/fs/cgroup/unified/cgroup.procs": ""})
    where = layout(paths(root))
    assert (where.unified, where.pure) == (f"{root}/sys/fs/cgroup/unified", False)
    assert where.enabled == frozenset()
    members = memberships(V1.encode())
    assert folder(where, members, "memory", ID) == f"{root}/sys/fs/cgroup/memory/docker/{ID}"
    assert folder(where, members, "", ID) == f"{root}/sys/fs/cgroup/unified/docker/{ID}"


def test_hybrid_may_have_a_controller_in_v2(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/unified/cgroup.procs": "", "sys/fs/cgroup/unified/cgroup.controllers": "memory io\n"}
    where = layout(paths(tree(_dirs(tmp_path, "cpu", "pids"), files)))
    names = [(r.controller, r.name) for r in readings(where, Devices(paths(tmp_path)))]
    assert ("", "memory.current") in names
    assert ("", "io.stat") in names
    assert ("pids", "pids.current") in names
    assert not any(name == "cpu.stat" and not controller for controller, name in names)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"0::/docker/{ID}", f"/docker/{ID}"),
        (f"0::/system.slice/docker-{ID}.scope", f"/system.slice/docker-{ID}.scope"),
        (f"0::/system.slice/docker-{ID}.scope/init.scope", f"/system.slice/docker-{ID}.scope"),
        (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
         f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"),
        (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f.slice/cri-containerd-{ID}.scope",
         f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f.slice/cri-containerd-{ID}.scope"),
        (f"0::/kubepods/besteffort/pod1f/{ID}", f"/kubepods/besteffort/pod1f/{ID}"),
        (f"0::/own-parent:with-colon/{ID}", f"/own-parent:with-colon/{ID}"),
        ("0::/", None),
        ("0::/docker/" + "cd" * 32, None),
    ],
)  # fmt: skip
def test_v2_under_every_driver(line: str, found: str | None, tmp_path: Path) -> None:
    root = tree(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu memory\n"})
    where = layout(paths(root))
    expected = None if found is None else f"{root}/sys/fs/cgroup{found}"
    assert folder(where, memberships(f"{line}\n".encode()), "", ID) == expected


def test_a_path_out_of_our_own_cgroup_namespace_is_looked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu memory\n"})
    members = memberships(f"0::/../docker-{ID}.scope\n".encode())
    assert folder(layout(paths(root)), members, "", ID) is None
    scope = root / f"sys/fs/cgroup/system.slice/docker-{ID}.scope"
    scope.mkdir(parents=True)
    assert folder(layout(paths(root)), members, "", ID) == str(scope)


def test_no_cgroups_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        layout(paths(tmp_path))
