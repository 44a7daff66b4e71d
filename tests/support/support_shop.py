"""A small shop: the containers, incidents and figures that the hub's tests and the page's pictures show."""

from __future__ import annotations

import hashlib
import math
import time
from typing import Any

from paramedic_core.model import Container, EndedBy, Ending, Health, State
from paramedic_core.world import Engine, EngineStatus, Hands, World
from support_house import House

HOST = "a1b2c3d4e5f6"
GB = 1_000_000_000


def container_id(name: str) -> str:
    """A full id made from a name."""
    return hashlib.sha256(name.encode()).hexdigest()


def container(project: str, service: str, number: int = 1, **fields: Any) -> Container:
    """A Compose service's container that runs and is well."""
    name = f"{project}-{service}-{number}"
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
        **fields.pop("labels", {}),
    }
    now = time.time()
    known: dict[str, Any] = {
        "state": State.RUNNING,
        "health": Health.HEALTHY,
        "image": f"{service}:1",
        "created_at": now - 90_000,
        "started_at": now - 80_000,
        "health_since": now - 80_000,
        "memory_limit": 512 << 20,
        "restart_policy": "unless-stopped",
    }
    return Container(id=container_id(name), name=name, labels=labels, **{**known, **fields})


def shop_world() -> World:
    """Fourteen containers: one unhealthy, one near its limit, one stopped by hand."""
    now = time.time()
    members = [
        *(container("shop", "web", n) for n in (1, 2, 3)),
        *(container("shop", "api", n, restarts=int(n == 2)) for n in (1, 2, 3, 4)),
        *(container("shop", "worker", n, restarts=1) for n in (1, 2)),
        container("shop", "postgres"),
        container("shop", "redis"),
        container("crm", "mailer", health=Health.UNHEALTHY, health_since=now - 240, failing_streak=8, restarts=6),
        container("edge", "gateway", health=Health.NONE, log_driver="journald"),
        container(
            "ops",
            "backup",
            state=State.EXITED,
            health=Health.NONE,
            exit_code=137,
            finished_at=now - 7200,
            ending=Ending(now - 7200, EndedBy.SOMEONE, "SIGTERM"),
        ),
    ]
    return World(
        host=HOST,
        epoch="e1",
        version=1,
        at=now - 1,
        engine=Engine(EngineStatus.CONNECTED, now - 9000, version="29.0.1", api_version="1.52", cgroup_version="2"),
        hands=Hands(ready=True, reason="", separated=True),
        containers={c.id: c for c in members},
    )


def furnish(house: House) -> None:
    """Give a house the shop's incidents, plan, modes and figures."""
    now = time.time()
    mailer = container_id("crm-mailer-1")
    house.plan = [
        {
            "host": HOST,
            "target": mailer,
            "name": "crm-mailer-1",
            "service": "crm/mailer",
            "cause": "unhealthy",
            "since": now - 240,
            "text": "Its health check failed 8 times in a row.",
            "action": "restart",
            "decision": "refuse",
            "gate": "mode",
            "reason": "it has not been opted in",
            "allow": "`paramedic heal enable crm/mailer`, or label it paramedic.heal=true",
            "until": 0,
            "would": True,
            "mode": "observe",
        }
    ]
    house.modes = {
        key: {
            "mode": "observe" if key == "crm/mailer" else "enforce",
            "from": "nothing speaks of it, and healer.default is observe"
            if key == "crm/mailer"
            else "the label paramedic.heal=true",
            "allow": "`paramedic heal enable crm/mailer`, or label it paramedic.heal=true"
            if key == "crm/mailer"
            else "",
            "warnings": [],
        }
        for key in house.world.services()
    }
    house.incidents = _incidents(now)
    first = house.incidents[0]
    for after, kind, extra in (
        (0, "opened", {"text": first["title"], "cause": "unhealthy"}),
        (0.04, "decision", _decision()),
        (0.04, "intent", {"action": "restart", "key": "k1", "reason": first["title"]}),
        (0.11, "outcome", {"action": "restart", "key": "k1", "status": "done", "text": "Restarted."}),
        (8.2, "recovered", {"action": "restart", "key": "k1", "text": "Running and healthy for 10 s."}),
        (61, "closed", {"state": "healed", "outcome": "fixed", "text": "Well again."}),
    ):
        house.record(
            at=first["opened_at"] + after,
            kind=kind,
            incident=first["id"],
            target=first["target"],
            name=first["name"],
            service="shop/api",
            **extra,
        )
    house.metrics = lambda: exposition(house.world, 300 + time.time() / 15 % 1e6)


def _decision() -> dict[str, Any]:
    gates: dict[str, dict[str, Any]] = {
        name: {"choice": "do"} for name in ("fresh", "confirm", "human_hold", "hands", "in_flight", "windows", "mode")
    }
    gates["fresh"] |= {"world_age_seconds": 0.1}
    return {
        "decision": "do",
        "action": "restart",
        "gate": "",
        "reason": "Its health check failed 3 times in a row.",
        "allow": "",
        "until": 0,
        "mode": "enforce",
        "cause": "unhealthy",
        "text": "To be restarted: every gate passed.",
        "inputs": {"finding": {"failing_streak": 3, "health": "unhealthy"}, "gates": gates},
    }


def _incidents(now: float) -> list[dict[str, Any]]:
    def healed(name: str, service: str, ago: float, title: str, cause: str, well: float) -> dict[str, Any]:
        at = now - ago
        story = [
            {"at": at, "kind": "opened", "text": title},
            {"at": at + 0.04, "kind": "decision", "text": "To be restarted: every gate passed."},
            {"at": at + 0.11, "kind": "outcome", "text": "Restarted."},
            {"at": at + well, "kind": "recovered", "text": "Running and healthy for 10 s."},
            {"at": at + 61, "kind": "closed", "text": "Well again."},
        ]
        return incident(
            name, service, at, title, cause, story, state="healed", outcome="fixed", closed_at=at + 61, tries=1
        )

    def incident(
        name: str, service: str, at: float, title: str, cause: str, story: list[dict[str, Any]], **more: Any
    ) -> dict[str, Any]:
        base = {"closed_at": None, "tries": 0, "mode": "enforce", "outcome": "", "summary": story[-1]["text"]}
        who = {"id": f"{container_id(name)[:12]}-{cause}-{int(at)}", "host": HOST, "target": container_id(name)}
        return {
            **base, **who, "name": name, "service": service, "cause": cause, "since": at, "opened_at": at,
            "title": title, "story": story, **more,
        }  # fmt: skip

    held_at = now - 240
    held = incident(
        "crm-mailer-1", "crm/mailer", held_at, "Its health check failed 8 times in a row.", "unhealthy",
        [
            {"at": held_at, "kind": "opened", "text": "Its health check failed 8 times in a row."},
            {"at": held_at + 0.03, "kind": "decision", "text": "Not restarted: it has not been opted in.", "gate": "mode"},
            {"at": held_at + 0.03, "kind": "would_act", "text": "Would be restarted now, but it has not been opted in."},
        ],
        state="held", mode="observe",
    )  # fmt: skip
    return [
        healed("shop-api-2", "shop/api", 130, "Its health check failed 3 times in a row.", "unhealthy", 8.2),
        held,
        healed("shop-worker-1", "shop/worker", 16_000, "It was killed for its memory (exit code 137), and nothing restarts it.", "exited", 5.0),
        healed("shop-postgres-1", "shop/postgres", 42_000, "Its health check failed 3 times in a row.", "unhealthy", 21.0),
    ]  # fmt: skip


_SHARES = {"web": 0.38, "api": 0.52, "worker": 0.93, "postgres": 0.64, "redis": 0.12, "mailer": 0.08, "gateway": 0.22}


def _wobble(step: float, phase: float) -> float:
    """A sum of waves whose slope stays between -1.6 and 1.6: taken off a straight line it leaves a lively counter."""
    waves = ((17.0, 0.6), (5.3, 0.4), (2.1, 0.3), (31.0, 0.3))
    return sum(size * length * math.sin(step / length + phase * (i + 1)) for i, (length, size) in enumerate(waves))


def exposition(world: World, step: float) -> str:
    """What a collector would answer at a step of time; counters grow from step to step."""
    lines: list[str] = []
    for cpu in range(4):
        busy = 4000 + 15 * (0.23 * step - 0.05 * _wobble(step, cpu))
        lines.append(f'node_cpu_seconds_total{{cpu="{cpu}",mode="user"}} {busy:.3f}')
        lines.append(f'node_cpu_seconds_total{{cpu="{cpu}",mode="idle"}} {90_000 + 12 * step:.3f}')
    lines += [
        "# HELP node_memory_MemTotal_bytes Memory.",
        f"node_memory_MemTotal_bytes {16 * GB}",
        f"node_memory_MemAvailable_bytes {10.2 * GB + 0.3 * GB * math.sin(step / 15):.0f}",
        f'node_filesystem_size_bytes{{device="/dev/sda1",fstype="ext4",mountpoint="/"}} {40 * GB}',
        f'node_filesystem_avail_bytes{{device="/dev/sda1",fstype="ext4",mountpoint="/"}} {15.6 * GB - 8e6 * (step % 960):.0f}',
        f'node_network_receive_bytes_total{{device="eth0"}} {3.2e6 * 15 * (step - 0.4 * _wobble(step, 7)):.0f}',
        f'node_network_transmit_bytes_total{{device="eth0"}} {0.9e6 * 15 * (step + 0.4 * _wobble(step, 3)):.0f}',
        f'node_network_receive_bytes_total{{device="lo"}} {9e12:.0f}',
        "node_pressure_memory_waiting_seconds_total 0.2",
        f"node_boot_time_seconds {time.time() - 41.4 * 86400:.0f}",
    ]
    for c in world.containers.values():
        if c.running:
            labels = f'{{id="/docker/{c.id}",name="{c.name}"}}'
            cpu_seconds = 15 * (step + 0.4 * _wobble(step, len(c.name) * 3.7 + ord(c.service[0]))) * 0.05
            lines.append(f"container_cpu_usage_seconds_total{labels} {max(0.0, 100 + cpu_seconds):.4f}")
            share = _SHARES.get(c.service, 0.3)
            lines.append(f"container_memory_working_set_bytes{labels} {(512 << 20) * share:.0f}")
    return "\n".join(lines) + "\n"
