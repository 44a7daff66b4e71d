"""Docker's JSON made from core's model: the inverse of `paramedic_runtime.translate`, in the shapes of engines 20.10 and 29."""

from __future__ import annotations

import time
from typing import Any

from paramedic_core.model import Container, Health, State
from paramedic_core.usage import Usage
from paramedic_runtime.base import Event
from paramedic_runtime.survey import human
from paramedic_runtime.translate import NETWORK_ACTIONS

NEVER = "0001-01-01T00:00:00Z"
SIGNALS = {
    "SIGHUP": "1",
    "SIGINT": "2",
    "SIGQUIT": "3",
    "SIGKILL": "9",
    "SIGUSR1": "10",
    "SIGTERM": "15",
    "SIGWINCH": "28",
}


def rfc3339(at: float) -> str:
    """Unix seconds as the engine writes them; year 1 for none."""
    if not at:
        return NEVER
    whole = int(at)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{round((at - whole) * 1e9) % 10**9:09d}Z"


def inspect_json(c: Container, api: tuple[int, int], *, modern: bool) -> dict[str, Any]:
    """`GET /containers/{id}/json`; `modern` is engine 29."""
    found: dict[str, Any] = {
        "Id": c.id,
        "Created": rfc3339(c.created_at),
        "Path": "/bin/sh",
        "Args": [],
        "State": _state(c),
        "Image": c.image_id,
        "Name": f"/{c.name}",
        "RestartCount": c.restarts,
        "HostConfig": {
            "NetworkMode": c.network_mode or "default",
            "RestartPolicy": {"Name": c.restart_policy, "MaximumRetryCount": c.restart_retries},
            "AutoRemove": c.auto_remove,
            "LogConfig": {"Type": c.log_driver, "Config": {"never": "to be seen"}},
            "Memory": c.memory_limit,
            "NanoCpus": int(c.cpu_limit * 1e9),
        },
        "Config": {
            "Hostname": c.id[:12],
            "Env": ["PATH=/bin", "DB_PASSWORD=never-to-be-seen"],
            "Image": c.image,
            "Labels": dict(c.labels),
            "StopTimeout": int(c.stop_timeout),
            **({"StopSignal": c.stop_signal} if c.stop_signal else {}),
            **({"Healthcheck": _check(c)} if c.health_check else {}),
        },
        "NetworkSettings": {"Ports": _ports(c), "Networks": _networks(c)},
    }
    if not modern:
        found["NetworkSettings"] |= {"Bridge": "", "IPAddress": "", "Gateway": "", "MacAddress": ""}
    if api < (1, 52):
        found["GraphDriver"] = {"Data": None, "Name": "overlayfs"}
    return found


def list_json(c: Container, api: tuple[int, int], now: float) -> dict[str, Any]:
    """One object of `GET /containers/json`."""
    found: dict[str, Any] = {
        "Id": c.id,
        "Names": [f"/{c.name}"],
        "Image": c.image,
        "ImageID": c.image_id,
        "Created": int(c.created_at),
        "Labels": dict(c.labels),
        "State": c.state.value,
        "Status": status_text(c, now),
        "HostConfig": {"NetworkMode": c.network_mode or "default"},
        "NetworkSettings": {"Networks": _networks(c)},
        "Mounts": [],
    }
    if api >= (1, 52):
        found["Health"] = {"Status": c.health.value, "FailingStreak": c.failing_streak}
    return found


def status_text(c: Container, now: float) -> str:
    """The list's Status (moby container/state.go)."""
    up, down = human(max(0.0, now - c.started_at)), human(max(0.0, now - c.finished_at))
    if c.state is State.RUNNING and c.health is not Health.NONE:
        return f"Up {up} ({'health: starting' if c.health is Health.STARTING else c.health.value})"
    words = {
        State.RUNNING: f"Up {up}",
        State.PAUSED: f"Up {up} (Paused)",
        State.RESTARTING: f"Restarting ({c.exit_code}) {down} ago",
        State.EXITED: f"Exited ({c.exit_code}) {down} ago",
        State.CREATED: "Created",
    }
    return words.get(c.state, "Dead")


def event_json(e: Event, api: tuple[int, int]) -> dict[str, Any]:
    """One line of `GET /events`."""
    attributes = {"image": "busybox:latest", "name": e.name}
    action = e.action
    network = action in NETWORK_ACTIONS
    if network:
        attributes = {"container": e.id, "name": e.detail, "type": "bridge"}
    if e.action == "health_status":
        action = f"health_status: {e.detail}"
    elif e.action == "kill":
        attributes["signal"] = SIGNALS.get(e.detail, e.detail)
    elif e.action == "die":
        attributes["exitCode"] = e.detail
    nano = int(e.at) * 10**9 + round((e.at - int(e.at)) * 1e9)
    found = {
        "Type": "network" if network else "container",
        "Action": action,
        "Actor": {"ID": "ee" * 32 if network else e.id, "Attributes": attributes},
        "scope": "local",
        "time": nano // 10**9,
        "timeNano": nano,
    }
    return found if network or api >= (1, 52) else {"status": action, "id": e.id, "from": "busybox:latest", **found}


def _state(c: Container) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Status": c.state.value,
        "Running": c.state in (State.RUNNING, State.PAUSED, State.RESTARTING),
        "OOMKilled": c.oom_killed,
        "Pid": c.pid,
        "ExitCode": c.exit_code,
        "Error": c.error,
        "StartedAt": rfc3339(c.started_at),
        "FinishedAt": rfc3339(c.finished_at),
    }
    if c.health_check is not None:
        log = [{"Start": rfc3339(c.health_since), "End": rfc3339(c.health_since), "ExitCode": 1, "Output": "no"}]
        found["Health"] = {"Status": c.health.value, "FailingStreak": c.failing_streak, "Log": log}
    return found


def _check(c: Container) -> dict[str, Any]:
    check = c.health_check
    assert check is not None
    return {
        "Test": ["CMD-SHELL", "true"],
        "Interval": int(check.interval * 1e9),
        "Timeout": int(check.timeout * 1e9),
        "StartPeriod": int(check.start_period * 1e9),
        "Retries": check.retries,
    }


def _networks(c: Container) -> dict[str, Any]:
    return {
        e.network: {"NetworkID": e.network_id, "IPAddress": e.address, "Gateway": e.gateway, "Aliases": list(e.aliases)}
        for e in c.endpoints
    }


def _ports(c: Container) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for port in c.ports:
        bindings = found.setdefault(f"{port.number}/{port.protocol}", [])
        if port.host_port:
            bindings.append({"HostIp": port.host_address, "HostPort": str(port.host_port)})
    return {k: v or None for k, v in found.items()}


def stats_json(usage: Usage) -> dict[str, Any]:
    """`GET /containers/{id}/stats?stream=false&one-shot=true`."""
    return {
        "read": rfc3339(usage.at),
        "pids_stats": {"current": usage.threads},
        "cpu_stats": {"cpu_usage": {"total_usage": int(usage.cpu_seconds * 1e9)}},
        "memory_stats": {"usage": usage.memory},
        "blkio_stats": {"io_service_bytes_recursive": None},
    }
