"""From World and figures to the API's shapes."""

from __future__ import annotations

from dataclasses import dataclass

from paramedic_api import shapes
from paramedic_api.hub import Hub
from paramedic_api.standing import RESTING, Shown, Standing, shown, worst
from paramedic_core import model
from paramedic_core.world import World


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service with all that list, detail and page say of it."""

    shape: shapes.Service
    shown: Shown
    members: tuple[model.Container, ...]


def container_shape(hub: Hub, world: World, c: model.Container, *, labels: bool = False) -> shapes.Container:
    """One container; `labels` only in its detail."""
    how = shown(world, c)
    acting = world.acting.get(c.id)
    return shapes.Container(
        host=world.host,
        id=c.id,
        name=c.name,
        service=c.service_key,
        project=c.project,
        image=c.image,
        state=c.state.value,
        health=c.health.value,
        standing=how.standing.value,
        word=how.word,
        since=how.since,
        created_at=c.created_at,
        started_at=c.started_at,
        finished_at=c.finished_at,
        exit_code=c.exit_code,
        oom_killed=c.oom_killed,
        restarts=c.restarts,
        failing_streak=c.failing_streak,
        restart_policy=c.restart_policy,
        ending=_ending(c),
        addresses=[shapes.Address(network=e.network, address=e.address) for e in c.endpoints],
        cpu_used_cores=figure(hub, "cpu", c),
        cpu_limit_cores=c.cpu_limit,
        memory_used_bytes=figure(hub, "memory", c),
        memory_limit_bytes=c.memory_limit,
        acting=acting.verb if acting else "",
        is_self=c.is_self,
        labels=dict(c.labels) if labels else None,
    )


def _ending(c: model.Container) -> shapes.Ending | None:
    if c.ending is None:
        return None
    return shapes.Ending(at=c.ending.at, by=c.ending.by.value, signal=c.ending.signal, exit_code=c.ending.exit_code)


def figure(hub: Hub, what: str, c: model.Container) -> float | None:
    """The newest `cpu` (cores) or `memory` (bytes) of a container; None when it does not run or nothing was heard."""
    if not c.running:
        return None
    value = hub.history.last(f"{what}:{c.id}")
    return value if value is not None else hub.history.last(f"{what}:{c.name}")


def service_view(hub: Hub, world: World, key: str, members: tuple[model.Container, ...]) -> ServiceView:
    """One service of `World.services`."""
    hows = [shown(world, c) for c in members]
    bad = worst(hows)
    mode = hub.mirror.modes().get(key, {})
    cpu = [v for c in members if (v := figure(hub, "cpu", c)) is not None]
    memory = [v for c in members if (v := figure(hub, "memory", c)) is not None]
    limits = [c.memory_limit for c in members if c.running]
    shape = shapes.Service(
        host=world.host,
        key=key,
        name=members[0].service,
        project=members[0].project,
        standing=bad.standing.value,
        word=bad.word,
        running=sum(c.running for c in members),
        wanted=sum(h.standing not in (Standing.FINISHED, Standing.CREATED) for h in hows),
        containers=[c.name for c in members],
        restarts=sum(c.restarts for c in members),
        cpu_used_cores=sum(cpu) if cpu else None,
        memory_used_bytes=sum(memory) if memory else None,
        memory_limit_bytes=sum(limits) if limits and all(limits) else 0,
        mode=str(mode.get("mode", "")),
        mode_from=str(mode.get("from", "")),
        allow=str(mode.get("allow") or ""),
    )
    return ServiceView(shape, bad, members)


def service_views(hub: Hub, world: World) -> list[ServiceView]:
    """All services, in order of their keys."""
    return [service_view(hub, world, key, members) for key, members in world.services().items()]


def counts(world: World) -> shapes.Counts:
    """Containers by how they stand."""
    hows = [shown(world, c).standing for c in world.containers.values()]
    resting = sum(h in RESTING for h in hows)
    well = sum(h is Standing.WELL for h in hows)
    return shapes.Counts(total=len(hows), well=well, ill=len(hows) - well - resting, resting=resting)


def node_shape(hub: Hub, world: World) -> shapes.Node:
    """This host."""
    last, engine, hands = hub.history.last, world.engine, world.hands
    boot, cores, cpu = hub.history.fact("boot_time"), hub.history.fact("cpu_cores"), last("node:cpu")
    return shapes.Node(
        host=world.host,
        name=hub.node,
        engine=shapes.EngineOut(
            status=engine.status.value,
            since=engine.since,
            reason=engine.reason,
            version=engine.version,
            api_version=engine.api_version,
            cgroup_version=engine.cgroup_version,
            rootless=engine.rootless,
            swarm=engine.swarm,
        ),
        hands=shapes.Hands(ready=hands.ready, reason=hands.reason, frozen=hands.frozen, separated=hands.separated),
        containers=len(world.containers),
        uptime_seconds=max(0.0, hub.clock.now() - boot) if boot else None,
        cpu_cores=int(cores) if cores else None,
        cpu_used_ratio=cpu / cores if cpu is not None and cores else None,
        memory_total_bytes=last("node:memory_total"),
        memory_used_bytes=last("node:memory"),
        filesystem_size_bytes=last("node:disk_total"),
        filesystem_used_bytes=last("node:disk"),
        network_receive_bytes_per_second=last("node:rx"),
        network_transmit_bytes_per_second=last("node:tx"),
    )
