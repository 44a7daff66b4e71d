"""Where a container's cgroup is: cgroup v1, v2 and both at once, whatever the driver (cgroups(7)).

The path is taken from /proc/PID/cgroup of the container's first process, never guessed: the cgroupfs driver makes
`/docker/ID`, systemd's `/system.slice/docker-ID.scope`, a rootless engine one below `user.slice`, Kubernetes
`kubepods…/cri-containerd-ID.scope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paramedic_collector.files import read_text
from paramedic_collector.source import Paths

_GUESSES = ("/docker/{id}", "/system.slice/docker-{id}.scope")
"""Only for a reader in a cgroup namespace of its own, to whom the kernel shows paths that lead out of it (`/../…`)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How cgroups are mounted on this host."""

    unified: str = ""
    """The root of v2; empty with v1 alone."""
    enabled: frozenset[str] = frozenset()
    """The controllers that v2 has. With a hybrid of both, v1 has most of them."""
    controllers: Mapping[str, str] = field(default_factory=dict)
    """Controller of v1 → the root of its hierarchy."""

    @property
    def pure(self) -> bool:
        """Whether there is v2 alone."""
        return bool(self.unified) and not self.controllers


def layout(paths: Paths) -> Layout:
    """Find out how cgroups are mounted.

    Raises:
        OSError: there is no cgroup mount at the usual place.
    """
    base = paths.sys("fs/cgroup")
    names = [entry.name for entry in Path(base).iterdir()]
    if "cgroup.controllers" in names:
        return Layout(base, _enabled(base))
    unified = f"{base}/unified" if Path(base, "unified/cgroup.procs").exists() else ""
    # `cpu,cpuacct` is one hierarchy with two controllers; `cpu` beside it is a link to it.
    controllers = {c: f"{base}/{name}" for name in sorted(names) if name != "unified" for c in name.split(",")}
    return Layout(unified, _enabled(unified) if unified else frozenset(), controllers)


def _enabled(root: str) -> frozenset[str]:
    return frozenset(read_text(f"{root}/cgroup.controllers").split())


def memberships(data: bytes) -> dict[str, str]:
    """/proc/PID/cgroup: controller → path; v2's controller is the empty string."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            found |= dict.fromkeys(controllers.split(","), path)
    return found


def folder(where: Layout, members: Mapping[str, str], controller: str, container: str) -> str | None:
    """The container's folder in a controller's hierarchy; None where it has none.

    Args:
        where: how cgroups are mounted.
        members: of the container's first process.
        controller: of v1; the empty string is v2.
        container: its full id. A process that is not in it is somebody else's, who got the same number.
    """
    root = where.controllers.get(controller, "") if controller else where.unified
    path = members.get(controller, "")
    at = path.find(container)
    if not root or at < 0:
        return None
    # An init inside the container may have gone on into a child of its own (`…/ID/init.scope`).
    end = path.find("/", at)
    path = path if end < 0 else path[:end]
    if not path.startswith("/.."):
        return root + path
    guesses = [root + guess.format(id=container) for guess in _GUESSES]
    return next((guess for guess in guesses if Path(guess).is_dir()), None)
