"""Where a container's cgroup is, under v1, v2 and both, with either driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_collector.cgroup import folder, layout, memberships
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
    assert where.unified == ""
    members = memberships(V1.encode())
    base = tmp_path / "sys/fs/cgroup"
    assert folder(where, members, "cpuacct", ID) == f"{base}/cpu,cpuacct/docker/{ID}"
    assert folder(where, members, "memory", ID) == f"{base}/memory/docker/{ID}"
    assert folder(where, members, "pids", ID) is None  # the controller is off


def test_hybrid_takes_the_controllers_of_v1(tmp_path: Path) -> None:
    where = layout(paths(_dirs(tmp_path, "memory", "unified")))
    assert where.unified == ""
    assert folder(where, memberships(V1.encode()), "memory", ID) is not None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"0::/docker/{ID}", f"/docker/{ID}"),
        (f"0::/system.slice/docker-{ID}.scope", f"/system.slice/docker-{ID}.scope"),
        (f"0::/system.slice/docker-{ID}.scope/init.scope", f"/system.slice/docker-{ID}.scope"),
        (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
         f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"),
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
