"""Does the collector see the host, or a container's part of it?"""

from __future__ import annotations

from collections.abc import Iterator

from paramedic.doctor.base import OK, WARN, Facts, Verdict, check


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
