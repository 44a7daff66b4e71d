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


@check("other healers: Kubernetes")
def kubernetes(facts: Facts) -> Iterator[Verdict]:
    pods = [c.name for c in facts.containers() if _KUBERNETES in c.labels]
    if pods or _kubelet(facts):
        what = "a kubelet runs here" + (f", and has {few(pods)}" if pods else "")
        yield Verdict(WARN, f"{what}: it restarts its own containers", "leave its containers at observe")


def _kubelet(facts: Facts) -> bool:
    for entry in facts.proc.iterdir():
        if entry.name.isdecimal():
            # A process may end while it is looked at.
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == "kubelet":
                    return True
    return False
