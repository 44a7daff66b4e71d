"""When paramedic itself runs in a container: what can it not see, or not keep apart, from in there?"""

from __future__ import annotations

from collections.abc import Iterator

from paramedic.doctor.base import OK, WARN, Facts, Verdict, check

_FULL = "use the full form: deploy/compose/full.yaml"


@check("container: separation")
def separation(facts: Facts) -> Iterator[Verdict]:
    """Uids are one wall between the hub and the engine's socket; a container of runtime's own is another."""
    if not facts.contained:
        return
    together = {name for name, role in facts.roles.items() if role.state != "away"} - facts.elsewhere
    if {"runtime", "hub"} <= together:
        what = "runtime, with the engine's socket, shares this container and its network with the page: only user ids are between them"
        yield Verdict(WARN, what, _FULL)
    elif "runtime" in facts.elsewhere:
        yield Verdict(OK, "runtime has a container of its own")


@check("container: sight")
def sight(facts: Facts) -> Iterator[Verdict]:
    """What needs the host's own files and network."""
    if not facts.contained:
        return
    names = set(facts.roles) - facts.elsewhere
    if "collector" in names and facts.settings.collector.path_procfs == "/proc":
        what = "the collector sees this container's processes, disks and network, not the host's; containers' CPU and memory not at all"
        yield Verdict(WARN, what, f"mount the host's / read-only and set collector.path_*, or {_FULL}")
    if "logs" in names and facts.settings.logs.path_rootfs == "/":
        what = "the engine's log files cannot be read from here: no lines are kept, and incidents have none as evidence"
        yield Verdict(WARN, what, f"mount the host's / read-only and set logs.path_rootfs, or {_FULL}")
    if "dns" in names and not _on_the_hosts_network(facts):
        what = "names are answered within this container's network alone: containers cannot ask it"
        yield Verdict(WARN, what, f"run it on the host (systemd), in a container with `network_mode: host`, or {_FULL}")


def _on_the_hosts_network(facts: Facts) -> bool:
    """Whether a container of ours has the host's network, and with it the gateways that containers can ask."""
    ours = [c for c in facts.world.containers.values() if c.is_self] if facts.world else []
    return not ours or any(c.network_mode == "host" for c in ours)
