"""Does the collector see the host, or a container's part of it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paramedic.doctor.base import OK, WARN, Facts, Verdict, check


def _sees_containers(facts: Facts) -> bool:
    """Whether any running container's first process is where the collector looks; also when none runs, or nobody can say."""
    running = [c for c in (facts.world.containers.values() if facts.world else ()) if c.pid > 0]
    procfs = Path(facts.settings.collector.path_procfs)
    return not running or any(_in(procfs / f"{c.pid}/cgroup", c.id) for c in running)


def _in(path: Path, identity: str) -> bool:
    try:
        return identity in path.read_text()
    except OSError:
        return False


@check("the collector's view")
def view(facts: Facts) -> Iterator[Verdict]:
    # Imported here: most commands need nothing of the collector.
    from paramedic_collector.source import Paths  # noqa: PLC0415
    from paramedic_collector.views import strange  # noqa: PLC0415

    settings = facts.settings.collector
    found = strange(Paths(settings.path_procfs, settings.path_sysfs, settings.path_rootfs))
    for text in found:
        what, _, mend = text.partition(". ")
        yield Verdict(WARN, what, mend)
    if found and not _sees_containers(facts):
        what = "containers' processes are not seen: the engine's own numbers, once a minute, stand in for their cgroups"
        mend = (
            "mount the host's /proc and /sys/fs/cgroup and name them with collector.path_procfs and path_sysfs, or use"
        )
        yield Verdict(WARN, what, f"{mend} `pid: host` and `cgroup: host`")
    if not found:
        yield Verdict(OK, "metrics of the node are the host's own: processes, mounts and interfaces")


@check("the collector's sources")
def sources(facts: Facts) -> Iterator[Verdict]:
    settings = facts.settings.collector
    if not settings.enable and not settings.disable:
        return
    from paramedic_collector.scrape import unknown  # noqa: PLC0415  as above

    for mistake in unknown(settings):
        yield Verdict(WARN, f"{mistake.module}: {mistake.reason}", "correct the name")
