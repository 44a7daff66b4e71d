"""An alert fires that names a container and an action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from paramedic_core.model import Container
from paramedic_core.world import World
from paramedic_healer.finding import Alert, Facts, Finding, Trigger

ACTION_LABEL = "paramedic_action"
_ACTIONS = ("restart", "start")
_NAMES = ("container_name", "container", "name", "container_id", "id")
_PROJECT = "container_label_com_docker_compose_project"
_SERVICE = "container_label_com_docker_compose_service"
_ID = re.compile(r"[0-9a-f]{64}")


class AlertFires(Trigger):
    """An alert that its rule's author meant to be acted on: it has the label `paramedic_action`, and names a container.

    Most alerts are for people ("CPU is high" is no reason to restart), so one without that label is kept and never acted
    on. The container is named by `container_name`, `container`, `name`, `container_id` or `id`, or by Compose's project
    and service as cAdvisor labels them.
    """

    name: ClassVar[str] = "alert"
    ladder: ClassVar[tuple[str, ...]] = ("restart",)

    def find(self, facts: Facts, now: float) -> Iterator[Finding]:  # noqa: ARG002  the shape of every trigger
        named: set[str] = set()
        for alert in facts.alerts:
            meant = aim(alert.labels, facts.world)
            container = meant.container
            # Two alerts on one container are one fault of it.
            if container is None or alert.several or container.id in named:
                continue
            named.add(container.id)
            inputs = {"fingerprint": alert.fingerprint, "starts_at": alert.starts_at, "labels": dict(alert.labels)}
            yield Finding(container, self.name, alert.received_at, fires(alert), inputs, meant.action)


@dataclass(frozen=True, slots=True)
class Aim:
    """What an alert asks for, and of which container."""

    action: str = ""
    container: Container | None = None
    """None: nothing is done."""
    why_not: str = ""
    """Why nothing is done, as a clause; empty where one container and an action are named."""
    several: bool = False
    """Whether that is because several containers could be meant."""


def aim(labels: Mapping[str, str], world: World | None) -> Aim:
    """What an alert's labels ask for. Where several containers could be meant, it is none of them.

    Args:
        labels: the alert's.
        world: the containers that there are; None while nothing is known of the engine.
    """
    action = labels.get(ACTION_LABEL, "")
    if not action:
        return Aim(why_not=f"it has no label {ACTION_LABEL}, so it is for people")
    if action not in _ACTIONS:
        return Aim(why_not=f"{ACTION_LABEL}={_short(action)} is none of {', '.join(_ACTIONS)}")
    if world is None:
        return Aim(action, why_not="nothing is known of the engine yet")
    names = {label: value for label in _NAMES if (value := labels.get(label, ""))}
    named = [c for c in (_labelled(value, world) for value in names.values()) if c is not None]
    project, service = labels.get(_PROJECT, ""), labels.get(_SERVICE, "")
    key = f"{project}/{service}" if project else service
    meant = {c.id: c for c in named or (_members(key, world) if key else ())}
    if len(meant) == 1:
        return Aim(action, next(iter(meant.values())))
    if meant:
        some = sorted(c.name for c in meant.values())
        shown = ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
        return Aim(
            action, why_not=f"it could mean any of {len(some)} containers ({shown}), so none is touched", several=True
        )
    if service:
        return Aim(action, why_not=f"there is no service {_short(key)} on this host")
    if names:
        label, value = next(iter(names.items()))
        return Aim(action, why_not=f"there is no container {_short(value)} on this host (label {label})")
    return Aim(action, why_not=f"none of its labels names a container ({', '.join(_NAMES)})")


def heard(alert: Alert, meant: Aim) -> str:
    """What the journal says of an alert that has come in: what it asks for, or why nothing is done."""
    if meant.container is None:
        return f"{fires(alert)} Nothing is done: {meant.why_not}."
    return f"{fires(alert)} It asks for a {meant.action} of {meant.container.name}."


def over(alert: Alert) -> str:
    """What the journal says of an alert that no longer fires."""
    return f"The alert {_title(alert)} is over."


def fires(alert: Alert) -> str:
    """What an alert says, as a sentence."""
    said = alert.summary.rstrip()
    if not said:
        return f"The alert {_title(alert)} fires."
    return f"The alert {_title(alert)} fires: {said}" + ("" if said.endswith((".", "!", "?", "…")) else ".")


def _title(alert: Alert) -> str:
    return alert.labels.get("alertname", "")[:100] or "without a name"


def _short(value: str) -> str:
    return repr(value if len(value) <= 80 else f"{value[:79]}…")


def _named(value: str, world: World) -> Container | None:
    """By name or id; of an id at least the twelve digits that programs print: a name like `cafe` is not the start of one."""
    found = world.find(value)
    return found if found is not None and (found.name == value or len(value) >= len(found.short_id)) else None


def _members(key: str, world: World) -> list[Container]:
    """A service's containers; what `docker compose run` left beside them is never acted on, so it cannot be meant."""
    return [c for c in world.services().get(key, ()) if not c.one_off]


def _labelled(value: str, world: World) -> Container | None:
    # cAdvisor's `id` is a cgroup path that ends in the container's id.
    found = _ID.search(value)
    return _named(found.group() if found else value.removeprefix("/"), world)
