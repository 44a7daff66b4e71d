"""`docker_sd_configs`, from the World: the hub has no engine's socket, and needs none. Pure.

Names as https://prometheus.io/docs/prometheus/latest/configuration/configuration/#docker_sd_config. What the World does not
hold has no label here: a network's own labels, and whether it is internal or an ingress.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paramedic_core.model import Container, Endpoint, Port
from paramedic_core.world import World
from paramedic_metrics.scrape.fields import Section

_FILTERS = ("id", "name", "label", "status", "network", "health")
_OTHER = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class DockerOptions:
    """One entry of `docker_sd_configs`."""

    port: int = 80
    host: str = "localhost"
    """Where containers in the host's network are asked."""
    first_network: bool = True
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class DockerTargets:
    """The containers' ports."""

    options: DockerOptions
    trouble: str = field(default="", compare=False)

    def targets(self, world: World | None) -> Sequence[Mapping[str, str]]:
        if world is None:
            self.trouble = "no container is known yet: runtime has not been heard of"
            return []
        self.trouble = ""
        found: list[Mapping[str, str]] = []
        for container in sorted(world.containers.values(), key=lambda c: c.name):
            if _wanted(container, self.options.filters):
                found += of_container(world, container, self.options)
        return found


def docker(section: Section) -> DockerOptions | None:
    """One entry as it is written; mistakes go to the section."""
    section.text("host", needed=True)
    section.duration("refresh_interval", 60.0)
    filters = []
    for one in section.sections("filters"):
        name = one.word("name", "name", _FILTERS)
        filters.append((name, tuple(text for text, _ in one.texts("values"))))
        one.rest()
    options = DockerOptions(
        section.count("port", 80),
        section.text("host_networking_host", "localhost"),
        section.flag("match_first_network", default=True),
        tuple(filters),
    )
    section.rest(
        lambda name: (
            "the engine is read by the role runtime, which needs no such setting"
            if name in ("tls_config", "basic_auth", "authorization", "proxy_url", "follow_redirects", "enable_http2")
            else ""
        )
    )
    return options


def of_container(world: World, container: Container, options: DockerOptions) -> list[dict[str, str]]:
    """A container's targets: one a network and exposed TCP port, or its address with the default port."""
    common = {
        "__meta_docker_container_id": container.id,
        "__meta_docker_container_name": f"/{container.name}",
        "__meta_docker_container_network_mode": container.network_mode,
    }
    common |= {f"__meta_docker_container_label_{_OTHER.sub('_', k)}": v for k, v in container.labels.items()}
    if container.network_mode == "host":
        return [{**common, "__address__": f"{options.host}:{options.port}", "__meta_docker_network_name": "host"}]
    owner = _owner(world, container)
    endpoints = sorted((e for e in owner.endpoints if e.address), key=lambda e: e.network)
    ports = sorted({p.number: p for p in owner.ports if p.protocol == "tcp"}.values(), key=lambda p: p.number)
    found = []
    for endpoint in endpoints[:1] if options.first_network else endpoints:
        network = common | _network(endpoint)
        if not ports:
            found.append({**network, "__address__": _address(endpoint.address, options.port)})
        found += [{**network, **_port(port), "__address__": _address(endpoint.address, port.number)} for port in ports]
    return found


def _owner(world: World, container: Container) -> Container:
    """Whose network it lives in: its own, or with `network_mode: container:` another's."""
    kind, _, name = container.network_mode.partition(":")
    owner = world.find(name) if kind == "container" and name else None
    return owner or container


def _network(endpoint: Endpoint) -> dict[str, str]:
    return {
        "__meta_docker_network_id": endpoint.network_id,
        "__meta_docker_network_name": endpoint.network,
        "__meta_docker_network_ip": endpoint.address,
    }


def _port(port: Port) -> dict[str, str]:
    found = {"__meta_docker_port_private": str(port.number)}
    if port.host_port:
        found |= {"__meta_docker_port_public": str(port.host_port), "__meta_docker_port_public_ip": port.host_address}
    return found


def _address(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _wanted(container: Container, filters: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    """Whether it passes: all filters, any of the values of each, as the engine's own list (only running ones without one)."""
    if not any(name == "status" for name, _ in filters) and not container.running:
        return False
    return all(any(_matches(container, name, value) for value in values) for name, values in filters)


def _matches(container: Container, name: str, value: str) -> bool:
    if name == "id":
        return container.id.startswith(value)
    if name == "name":
        return value.lstrip("/") in container.name
    if name == "status":
        return container.state.value == value
    if name == "health":
        return container.health.value == value
    if name == "network":
        return any(value in (e.network, e.network_id) for e in container.endpoints)
    label, equals, wanted = value.partition("=")
    return label in container.labels and (not equals or container.labels[label] == wanted)
