"""An alert fires that names a container and an action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from paramedic_core.model import Container
from paramedic_core.world import World
from paramedic_healer.finding import Facts, Finding, Trigger

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
            action = alert.labels.get(ACTION_LABEL, "")
            if action not in _ACTIONS:
                continue
            for container in targets(alert.labels, facts.world):
                # Two alerts on one container are one fault of it.
                if container.id in named:
                    continue
                named.add(container.id)
                title = alert.labels.get("alertname", "An alert")
                text = f"The alert {title} fires: {alert.summary}" if alert.summary else f"The alert {title} fires."
                inputs = {"fingerprint": alert.fingerprint, "starts_at": alert.starts_at, "labels": dict(alert.labels)}
                yield Finding(container, self.name, alert.received_at, text, inputs, action)


def _named(value: str, world: World) -> Container | None:
    """By name or id; of an id at least the twelve digits that programs print: a name like `cafe` is not the start of one."""
    found = world.find(value)
    return found if found is not None and (found.name == value or len(value) >= len(found.short_id)) else None


def targets(labels: Mapping[str, str], world: World) -> list[Container]:
    """The containers that an alert's labels name; none when they name none, or several could be meant."""
    for label in _NAMES:
        value = labels.get(label, "")
        # cAdvisor's `id` is a cgroup path that ends in the container's id.
        found = _ID.search(value)
        container = _named(found.group() if found else value.removeprefix("/"), world) if value else None
        if container is not None:
            return [container]
    service = labels.get(_SERVICE, "")
    if not service:
        return []
    project = labels.get(_PROJECT, "")
    return list(world.services().get(f"{project}/{service}" if project else service, ()))
