"""The jobs that every hub has: this host's collector, and the containers that its collector relays."""

from __future__ import annotations

from pathlib import Path

from paramedic_core.settings import Settings
from paramedic_core.sys.identity import socket_path
from paramedic_metrics.scrape.config import OWN, Job, Limits
from paramedic_metrics.scrape.discovery import StaticTargets
from paramedic_metrics.scrape.http_sd import LOOK, HttpOptions, HttpTargets


def own_jobs(settings: Settings, data: Path, node: str) -> tuple[Job, ...]:
    """The jobs, in the order of the targets page.

    Args:
        settings: all of them.
        data: the data directory, where the roles' sockets are.
        node: this host's name, which every series gets.
    """
    every = settings.metrics.scrape_interval
    return (_collector(settings, data, node, every), _containers(settings, data, node, every))


def _collector(settings: Settings, data: Path, node: str, every: float) -> Job:
    """`job="node"`, as dashboards of node_exporter want it. It is asked on its socket; `collector.listen` is what people see."""
    labels = {"__address__": settings.collector.listen or node, "instance": node, "node": node}
    return Job(
        "node",
        interval=every,
        timeout=min(10.0, every),
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
