"""Can paramedic see what is wrong with each container, and is it said rightly what it may do?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from paramedic.console.named import unknown
from paramedic.doctor.base import OK, WARN, Facts, Verdict, check, few
from paramedic_core.config.mistakes import nearest
from paramedic_core.leave import leave
from paramedic_core.model import JSON_FILE, Container

_LABELS = (
    "paramedic.heal",
    "paramedic.probe",
    "paramedic.scrape.port",
    "paramedic.scrape.path",
    "paramedic.scrape.interval",
)
_FAMILIES = ("paramedic.dns.", "paramedic.logs.")


@check("health checks")
def health_checks(facts: Facts) -> Iterator[Verdict]:
    running = [c for c in facts.containers() if c.running]
    without = [c.name for c in running if c.health_check is None]
    if without:
        what = f"{len(without)} of {len(running)} have no health check, so a hang is not noticed: {few(without)}"
        yield Verdict(WARN, what, "give them one: `healthcheck:` in the Compose file, or HEALTHCHECK in the image")
    elif running:
        yield Verdict(OK, "every running container has a health check")


@check("labels: spelling")
def label_names(facts: Facts) -> Iterator[Verdict]:
    for container in facts.containers():
        for label in container.labels:
            if _ours(label) and label not in _LABELS and not label.startswith(_FAMILIES):
                near = nearest(label, _LABELS)
                hint = f" (did you mean {near}?)" if near else ""
                what = f"{container.name} has the label {label[:80]!r}, which means nothing{hint}"
                yield Verdict(WARN, what, _relabel(facts, container))


def _ours(label: str) -> bool:
    return label.lower().replace("-", ".").replace("_", ".").startswith("paramedic.") or label.lower() == "paramedic"


@check("labels: values")
def label_values(facts: Facts) -> Iterator[Verdict]:
    grants = facts.world.grants if facts.world else {}
    for container in facts.containers():
        for warning in leave(container, facts.settings.healer, grants).warnings:
            yield Verdict(WARN, f"{container.name}: {warning}", _relabel(facts, container))


def _relabel(facts: Facts, container: Container) -> str:
    where = "in `labels:` of the Compose file" if container.project else "with `docker run --label …`"
    return f"put it right {where} and recreate it, or without that: `paramedic heal enable {shlex.quote(container.service_key)}{facts.flag}`"


@check("containers run with --rm")
def auto_removed(facts: Facts) -> Iterator[Verdict]:
    """Leave for what goes away when it stops is a misunderstanding that only a fault would show."""
    grants = facts.world.grants if facts.world else {}
    found = [c for c in facts.containers() if c.auto_remove and leave(c, facts.settings.healer, grants).allowed]
    if found:
        what = f"never healed though they have leave, for the engine may remove what it stops: {few([c.name for c in found])}"
        yield Verdict(WARN, what, "run them without --rm")


@check("services named in the configuration")
def named_services(facts: Facts) -> Iterator[Verdict]:
    """A mistyped name is no mistake of the file: only the host knows what runs on it."""
    if facts.world is None or not facts.world.engine.connected:
        return
    named = {*facts.settings.healer.services, *facts.named}
    said = dict.fromkeys(facts.world.grants, "a grant") | dict.fromkeys(sorted(named), "healer.services")
    for name, hint in unknown(facts.world, said):
        where = said[name]
        mend = (
            f"paramedic heal reset {shlex.quote(name)}{facts.flag}"
            if where == "a grant"
            else "put the name right in the file"
        )
        yield Verdict(WARN, f"{where} speaks of {name}, which is not on this host{hint}", mend)


@check("log drivers")
def log_drivers(facts: Facts) -> Iterator[Verdict]:
    """A search of their lines finds nothing, which looks like silence."""
    found = [f"{c.name} ({c.unread_driver})" for c in facts.containers() if c.unread_driver]
    if found:
        what = f"the lines of {few(found)} are not read: only those that the engine's log driver {JSON_FILE} writes are"
        mend = (
            f"recreate them with `logging: {{driver: {JSON_FILE}}}` in the Compose file or `--log-driver {JSON_FILE}`,"
            " or make it the engine's default (`log-driver` in its daemon.json)"
        )
        yield Verdict(WARN, what, mend)


@check("shared networks")
def shared_networks(facts: Facts) -> Iterator[Verdict]:
    if facts.world is None:
        return
    for container in facts.containers():
        kind, _, owner = container.network_mode.partition(":")
        if kind == "container" and container.running and facts.world.find(owner) is None:
            what = f"{container.name} lives in the network of {owner[:12]}, which is gone: it has no network"
            yield Verdict(WARN, what, f"recreate {container.name} beside its new owner (docker compose up -d)")
