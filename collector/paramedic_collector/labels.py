"""The labels of container series: cAdvisor's, with few container labels, so that a scrape stays small."""

from __future__ import annotations

from paramedic_collector.exposition import label_name
from paramedic_core.model import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    SWARM_SERVICE,
    SWARM_STACK,
    SWARM_TASK,
    Container,
)

_TASK_NAME = "com.docker.swarm.task.name"
ALWAYS = (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    SWARM_STACK,
    SWARM_SERVICE,
    SWARM_TASK,
    _TASK_NAME,
    "com.docker.swarm.node.id",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.name",
    "io.kubernetes.container.name",
)
"""Names of services and tasks. All labels of all containers would be 13 MB a scrape at 200 containers."""


def labels_of(container: Container, more: tuple[str, ...] = ()) -> dict[str, str]:
    """The labels of a container's series.

    `id` is `/docker/ID` under every cgroup driver: dashboards select by it, and a stopped container, which has no cgroup,
    has the same one as when it ran. A label that the container lacks is left out, which is the same to Prometheus as
    an empty one.
    """
    found = {"id": f"/docker/{container.id}", "image": container.image, "name": container.name}
    for label in (*ALWAYS, *more):
        text = container.labels.get(label)
        if text:
            found[f"container_label_{label_name(label)}"] = text
    slot = _slot(container.labels.get(_TASK_NAME, ""))
    if slot:
        found["container_label_com_docker_swarm_task_slot"] = slot
    return found


def _slot(task: str) -> str:
    """The slot of a Swarm task, from its name `SERVICE.SLOT.ID`; empty for one of a global service, which has its node's id there."""
    parts = task.rsplit(".", 2)
    return parts[1] if len(parts) == 3 and parts[1].isdigit() else ""
