"""The jobs that every hub has: this host's collector, the containers that its collector relays, and paramedic's roles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.settings import Settings
from paramedic_core.sys.identity import socket_path
from paramedic_core.world import World
from paramedic_metrics.scrape.config import OWN, Job, Limits
from paramedic_metrics.scrape.discovery import Found, StaticTargets
from paramedic_metrics.scrape.http_sd import LOOK, HttpOptions, HttpTargets
from paramedic_metrics.scrape.relabel import Rule

ROLES = ("runtime", "healer", "dns", "logs", "hub")
"""Each tells of itself on its socket; what the collector tells of itself comes with the node's metrics."""
_MOST_BODY = 4 << 20
_MOST_SAMPLES = 5000
_MOMENTS = "paramedic_.*_created"
_NO_MOMENTS = Rule("drop", ("__name__",), regex=_MOMENTS, pattern=re.compile(_MOMENTS))
"""Without prometheus_client's moments at which counters were made: a series for each series, and nobody asks for them. An
expression of our own needs no RE2, which is 1.5 MB that only a scrape file's rules and queries need."""
_TEXT = ("PrometheusText0.0.4",)
"""OpenMetrics names a counter's family without `_total`, and whoever looks for what a metric is asks by the name of its series."""


@dataclass(frozen=True, slots=True)
class RoleTarget:
    """One role, as long as it has been started here: its socket is there then."""

    socket: Path
    labels: Mapping[str, str]
    trouble: str = ""

    def targets(self, world: World | None) -> Found:  # noqa: ARG002  it needs no World
        return [self.labels] if self.socket.exists() else []


def own_jobs(settings: Settings, data: Path, node: str) -> tuple[Job, ...]:
    """The jobs, in the order of the targets page.

    Args:
        settings: all of them.
        data: the data directory, where the roles' sockets are.
        node: this host's name, which every series gets.
    """
    every = settings.metrics.scrape_interval
    roles = [_role(data, role, node, every) for role in ROLES]
    return (_collector(settings, data, node, every), _containers(settings, data, node, every), *roles)


def _collector(settings: Settings, data: Path, node: str, every: float) -> Job:
    """`job="node"`, as dashboards of node_exporter want it. It is asked on its socket; `collector.listen` is what people see."""
    labels = {"__address__": settings.collector.listen or node, "instance": node, "node": node}
    return Job(
        "node",
        interval=every,
        timeout=min(10.0, every),
        formats=_TEXT,
        discoveries=(StaticTargets((labels,)),),
        socket=str(socket_path(data, "collector")),
        pool=f"{OWN}node",
        spread=False,
    )


def _containers(settings: Settings, data: Path, node: str, every: float) -> Job:
    """What containers expose: each is a target with the job, instance and interval that the collector says."""
    socket, limits = str(socket_path(data, "collector")), settings.collector.scrape
    asked = HttpOptions("http://localhost/targets", LOOK, socket=socket, labels=(("node", node),))
    return Job(
        "containers",
        interval=every,
        timeout=min(10.0, every),
        # The collector has checked all of it; this holds should somebody else answer in its stead.
        limits=Limits(body=limits.body_size_limit, samples=limits.sample_limit),
        discoveries=(HttpTargets(asked),),
        socket=socket,
        pool=f"{OWN}containers",
    )


def _role(data: Path, role: str, node: str, every: float) -> Job:
    """What a role says of itself: healing, names, logs, the store."""
    socket = socket_path(data, role)
    return Job(
        "paramedic",
        interval=every,
        timeout=min(10.0, every),
        # `paramedic_role_up` has a label `role` of its own, which is the role it tells of.
        honor_labels=True,
        formats=_TEXT,
        limits=Limits(body=_MOST_BODY, samples=_MOST_SAMPLES),
        metric_relabel=(_NO_MOMENTS,),
        discoveries=(RoleTarget(socket, {"__address__": node, "instance": node, "node": node, "role": role}),),
        socket=str(socket),
        pool=f"{OWN}{role}",
    )
