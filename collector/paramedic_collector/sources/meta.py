"""Which node this is: the series that dashboards of a fleet join with."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family, label_name
from paramedic_collector.source import Context, Source

_LABEL = "com.docker.swarm.node.id"
SWARM_NODE = f"container_label_{label_name(_LABEL)}"
"""By this the dashboards of a Swarm join `node_meta` with containers' series."""


class Meta(Source):
    """The node's id and name."""

    name = "meta"
    families = (
        Family(
            "node_meta",
            "gauge",
            "Which node this is: 1 for its id and name.",
            ("cgroup_version", SWARM_NODE, "engine_version", "node_id", "node_name"),
            like="ours",
        ),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        engine = context.world.engine if context.world is not None else None
        labels = {
            "node_id": context.host,
            "node_name": context.node,
            "engine_version": engine.version if engine else "",
            "cgroup_version": engine.cgroup_version if engine else "",
            SWARM_NODE: _swarm_node(context),
        }
        out.add(self.families[0], 1, **labels)


def _swarm_node(context: Context) -> str:
    """The Swarm's id of this node, as its tasks' containers bear it; empty where none runs."""
    containers = context.world.containers.values() if context.world is not None else ()
    return next((c.labels[_LABEL] for c in containers if c.labels.get(_LABEL)), "")
