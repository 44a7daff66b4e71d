"""Which node this is: the series that dashboards of a fleet join with."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.source import Context, Source


class Meta(Source):
    """The node's id and name."""

    name = "meta"
    families = (
        Family(
            "node_meta",
            "gauge",
            "Which node this is: 1 for its id and name.",
            ("cgroup_version", "engine_version", "node_id", "node_name"),
            like="ours",
        ),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        engine = context.world.engine if context.world is not None else None
        out.add(
            self.families[0],
            1,
            node_id=context.host,
            node_name=context.node,
            engine_version=engine.version if engine else "",
            cgroup_version=engine.cgroup_version if engine else "",
        )
