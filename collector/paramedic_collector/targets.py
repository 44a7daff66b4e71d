"""Which containers want to be scraped: their labels → targets. Pure.

`paramedic.scrape.port`, `.path`, `.interval`; or `prometheus.io/scrape: "true"` with `prometheus.io/port` and `prometheus.io/path`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from paramedic_collector.exposition import label_name
from paramedic_core.errors import BadInput
from paramedic_core.model import Container
from paramedic_core.world import World

_PATH = re.compile(r"/[!-~]{0,1023}")
_INTERVAL = re.compile(r"(\d{1,6})(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LEAST, _MOST = 1.0, 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """One container to be scraped."""

    container: Container
    address: str
    """One of the container's own addresses."""
    port: int
    path: str = "/metrics"
    interval: float = 0.0
    """Seconds; 0: whatever the scraper's own is."""

    @property
    def instance(self) -> str:
        """`ADDRESS:PORT`, as Prometheus would name it if it scraped the container itself."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def target_of(container: Container, world: World) -> Target | None:
    """The target that a container's labels ask for; None when they ask for none.

    Raises:
        BadInput: they ask for what cannot be done, and why.
    """
    labels = container.labels
    own = labels.get("paramedic.scrape.port", "")
    kubernetes = labels.get("prometheus.io/scrape", "").lower() == "true"
    if not own and not kubernetes:
        return None
    if not own and labels.get("prometheus.io/scheme", "http").lower() != "http":
        raise BadInput("prometheus.io/scheme: only http is scraped")
    prefix = "paramedic.scrape." if own else "prometheus.io/"
    path = labels.get(f"{prefix}path", "") or "/metrics"
    if not _PATH.fullmatch(path) or path.startswith("//"):
        raise BadInput(f"{prefix}path: {path[:60]!r} is no path; write one as /metrics")
    return Target(
        container,
        _address(container, world),
        _port(container, own or labels.get("prometheus.io/port", ""), f"{prefix}port"),
        path,
        _interval(labels.get("paramedic.scrape.interval", "")),
    )


def discovered(target: Target, address: str, path: str, *, tls: bool) -> dict[str, object]:
    """A target as an entry of http_sd (https://prometheus.io/docs/prometheus/latest/http_sd/).

    `job` and `instance` are those of the container; its facts are there under docker_sd's names, for relabelling.

    Args:
        target: which.
        address: of the collector, which relays it.
        path: where.
        tls: whether the collector speaks TLS.
    """
    container = target.container
    labels = {
        "job": container.service_key,
        "instance": target.instance,
        "container": container.name,
        "__metrics_path__": path,
        "__scheme__": "https" if tls else "http",
        "__meta_docker_container_id": container.id,
        "__meta_docker_container_name": f"/{container.name}",
        "__meta_docker_container_network_mode": container.network_mode,
    }
    if target.interval:
        labels["__scrape_interval__"] = _duration(target.interval)
        labels["__scrape_timeout__"] = _duration(min(target.interval, 10.0))
    for name, value in container.labels.items():
        labels[f"__meta_docker_container_label_{label_name(name)}"] = value
    return {"targets": [address], "labels": labels}


def _address(container: Container, world: World) -> str:
    mode, _, other = container.network_mode.partition(":")
    if mode == "host":
        raise BadInput("it has the host's network, and no address of its own: let Prometheus scrape it directly")
    owner: Container | None = container
    if mode == "container":
        owner = world.find(other)
    endpoints = owner.endpoints if owner is not None else ()
    for endpoint in endpoints:
        try:
            found = ipaddress.ip_address(endpoint.address)
        except ValueError:
            continue
        if not (found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local):
            return str(found)
    raise BadInput("it has no address on any network")


def _port(container: Container, text: str, label: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) < 65536:
        return int(text)
    exposed = sorted({port.number for port in container.ports if port.protocol == "tcp"})
    if not text and len(exposed) == 1:
        return exposed[0]
    if not text:
        raise BadInput(f"{label} is missing, and it exposes {len(exposed)} TCP ports, not one")
    raise BadInput(f"{label}: {text[:60]!r} is no port")


def _interval(text: str) -> float:
    if not text:
        return 0.0
    found = _INTERVAL.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if not _LEAST <= seconds <= _MOST:
        raise BadInput(f"paramedic.scrape.interval: {text[:60]!r} is none of 1s to 1h")
    return seconds


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{round(seconds)}s"


def wanted(world: World, most: int) -> tuple[dict[str, Target], Mapping[str, str]]:
    """The targets by container id, at most `most`, and container name → why it is none although it asks to be."""
    found: dict[str, Target] = {}
    refused: dict[str, str] = {}
    for container in sorted(world.containers.values(), key=lambda c: (c.name, c.id)):
        if not container.running:
            continue
        try:
            target = target_of(container, world)
        except BadInput as error:
            refused[container.name] = str(error)
            continue
        if target is None:
            continue
        if len(found) >= most:
            refused[container.name] = f"{most} containers are scraped already (collector.scrape.targets)"
        else:
            found[container.id] = target
    return found, refused
