"""Does another healer act on this host?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from paramedic.doctor.base import WARN, Facts, Verdict, check, few

_HEALERS = {
    "willfarrell/autoheal": "docker-autoheal",
    "containrrr/watchtower": "Watchtower",
    "nickfedor/watchtower": "Watchtower",
    "beatkind/watchtower": "Watchtower",
    "qmcgaw/deunhealth": "deunhealth",
    "darthnorse/dockmon": "DockMon",
    "containrrr/shepherd": "Shepherd",
    "pyouroboros/ouroboros": "Ouroboros",
}
_RUNTIME = "paramedic: runtime"
_KUBERNETES = "io.kubernetes.pod.name"


@check("other healers: containers")
def containers(facts: Facts) -> Iterator[Verdict]:
    for container in facts.containers():
        product = _product(container.image)
        if product and container.running:
            what = f"{container.name} is {product}: two healers that do not know of one another restart the same containers"
            yield Verdict(WARN, what, f"docker stop {container.name}, or keep its containers at observe here")


def _product(image: str) -> str:
    """Which healer an image is; empty for none. The registry in front and the tag behind do not matter."""
    name = image.partition("@")[0]
    head, slash, tail = name.rpartition("/")
    name = f"{head}{slash}{tail.partition(':')[0]}"
    return next((product for known, product in _HEALERS.items() if name == known or name.endswith(f"/{known}")), "")


@check("other healers: paramedic")
def paramedics(facts: Facts) -> Iterator[Verdict]:
    """Two with data directories of their own know nothing of one another: neither's limits hold for both."""
    own, found = _own_runtime(facts), set(_named(facts, _RUNTIME))
    # A pid that is none here is one of a life that is over, or of another namespace: then the one that runs may be this one.
    for pid in sorted(found - {own}) if own in found else ():
        data = _data_of(facts, pid)
        where = f" with the data directory {data}" if data else ""
        what = f"another paramedic runs on this host{where} (its runtime is process {pid}): if its engine is the same, both act"
        yield Verdict(WARN, what, "stop one of them, or set healer.max: observe in it")


def _own_runtime(facts: Facts) -> int:
    """The process id of this paramedic's runtime; 0 where it runs elsewhere, or nobody can say."""
    try:
        return 0 if "runtime" in facts.elsewhere else int((facts.data / "run/runtime.pid").read_text())
    except (OSError, ValueError):
        return 0


def _data_of(facts: Facts, pid: int) -> str:
    """The data directory of a runtime, by the record of acts that it holds open; empty where that cannot be seen."""
    with contextlib.suppress(OSError):
        for entry in (facts.proc / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                path = entry.readlink()
                if path.name == "acts.db" and path.parent.name == "runtime":
                    return str(path.parent.parent)
    return ""


@check("other healers: Kubernetes")
def kubernetes(facts: Facts) -> Iterator[Verdict]:
    pods = [c.name for c in facts.containers() if _KUBERNETES in c.labels]
    if pods or _kubelet(facts):
        what = "a kubelet runs here" + (f", and has {few(pods)}" if pods else "")
        yield Verdict(WARN, f"{what}: it restarts its own containers", "leave its containers at observe")


def _kubelet(facts: Facts) -> bool:
    return any(True for _ in _named(facts, "kubelet"))


def _named(facts: Facts, title: str) -> Iterator[int]:
    """The processes of a name, of which the kernel keeps 15 bytes (proc_pid_comm(5))."""
    for entry in facts.proc.iterdir():
        if entry.name.isdecimal():
            # A process may end while it is looked at.
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == title[:15]:
                    yield int(entry.name)
