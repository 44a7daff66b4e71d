"""Docker's JSON to core's model. Pure; every value is foreign, so each is checked, and a wrong one becomes its default.

What differs between engines 20.10 and 29 (facts/engine 2) is met here: addresses are read from `Networks` only, fields may
be absent instead of null, and an event's old top-level names are not relied on. `Config.Env` is never read.
"""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Mapping
from typing import Any

from paramedic_core.model import Container, Endpoint, Health, HealthCheck, Port, State
from paramedic_runtime import labels
from paramedic_runtime.base import Event
from paramedic_runtime.labels import text

ACTIONS = (
    "create", "start", "restart", "die", "kill", "stop", "oom", "destroy", "rename", "pause", "unpause",
    "health_status", "update",
)  # fmt: skip
"""The events that are asked for; never `exec_*`, of which each health check makes three."""
NETWORK_ACTIONS = ("connect", "disconnect")
"""Those of networks: a container that runs comes to another address, or loses its own, without any event of its own."""
_STOP_LABEL = "autoheal.stop.timeout"
_MOST_ENDPOINTS = 64
_MOST_PORTS = 64
_MOST_ALIASES = 32
_STATES = {s.value: s for s in State}
_HEALTHS = {h.value: h for h in Health}
_POLICIES = frozenset({"always", "unless-stopped", "on-failure"})


def container(
    raw: Mapping[str, Any],
    image_labels: Mapping[str, str] | None,
    *,
    own: frozenset[str] = frozenset(),
    stop_timeout: float = 10.0,
) -> Container:
    """An inspect's answer as a Container.

    Args:
        raw: what `GET /containers/{id}/json` gave.
        image_labels: the labels of its image; None when they cannot be read.
        own: ids (or their first 12 digits) of paramedic's own containers.
        stop_timeout: seconds for those that say none; the engine's own default is 10.
    """
    state, config, host = part(raw, "State"), part(raw, "Config"), part(raw, "HostConfig")
    settings, health, policy = part(raw, "NetworkSettings"), part(part(raw, "State"), "Health"), _policy(host)
    identity, check, raw_labels = ident(raw.get("Id")), _check(config), config.get("Labels")
    mode = text(host.get("NetworkMode"))
    return Container(
        id=identity,
        name=name(raw.get("Name")) or identity[:12],
        state=_STATES.get(text(state.get("Status")), State.UNKNOWN),
        image=text(config.get("Image")),
        image_id=text(raw.get("Image")),
        created_at=when(raw.get("Created")),
        started_at=when(state.get("StartedAt")),
        finished_at=when(state.get("FinishedAt")),
        exit_code=whole(state.get("ExitCode")),
        oom_killed=state.get("OOMKilled") is True,
        pid=whole(state.get("Pid")),
        error=text(state.get("Error")),
        health=_HEALTHS.get(text(health.get("Status")), Health.NONE),
        health_since=_health_since(health, check),
        failing_streak=whole(health.get("FailingStreak")),
        health_check=check,
        restarts=whole(raw.get("RestartCount")),
        restart_policy=policy[0],
        restart_retries=policy[1],
        stop_timeout=_stop_timeout(raw_labels, config.get("StopTimeout"), stop_timeout),
        stop_signal=_stop_signal(config.get("StopSignal")),
        auto_remove=host.get("AutoRemove") is True,
        network_mode="bridge" if mode == "default" else mode,
        endpoints=endpoints(settings),
        ports=_ports(part(settings, "Ports")),
        labels=labels.clean(raw_labels),
        image_labels=labels.from_image(raw_labels, image_labels),
        log_driver=text(part(host, "LogConfig").get("Type"), 64),
        memory_limit=whole(host.get("Memory")),
        cpu_limit=_cpus(host),
        is_self=identity in own or identity[:12] in own or _says_self(raw_labels),
    )


def event(raw: Any) -> Event | None:
    """One line of the event stream; None for what is not asked for, or makes no sense."""
    kind = raw.get("Type", "container") if isinstance(raw, Mapping) else None
    if kind == "network":
        return _network_event(raw)
    if kind != "container":
        return None
    action, _, after = text(raw.get("Action") or raw.get("status")).partition(":")
    actor = part(raw, "Actor")
    identity = ident(actor.get("ID") or raw.get("id"))
    at = _event_at(raw)
    if action not in ACTIONS or not identity or not at:
        return None
    attributes = part(actor, "Attributes")
    detail = {
        "health_status": after.strip(),
        "kill": signal_name(attributes.get("signal")),
        "die": text(attributes.get("exitCode"), 16),
    }.get(action, "")
    return Event(at, action, identity, name(attributes.get("name")), detail)


def _network_event(raw: Mapping[str, Any]) -> Event | None:
    """What happened to a container's place on a network; the event is the network's, and names the container."""
    action, attributes, at = text(raw.get("Action")), part(part(raw, "Actor"), "Attributes"), _event_at(raw)
    identity = ident(attributes.get("container"))
    if action not in NETWORK_ACTIONS or not identity or not at:
        return None
    return Event(at, action, identity, detail=text(attributes.get("name"), 255))


def _event_at(raw: Mapping[str, Any]) -> float:
    nano, seconds = whole(raw.get("timeNano")), whole(raw.get("time"))
    return nano // 10**9 + nano % 10**9 / 1e9 if nano else float(seconds)


def endpoints(settings: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """The networks of an inspect's or a list's NetworkSettings, by name."""
    found = []
    for network, value in sorted(part(settings, "Networks").items())[:_MOST_ENDPOINTS]:
        if not isinstance(value, Mapping):
            continue
        aliases = value.get("Aliases")
        found.append(
            Endpoint(
                network=text(network, 255),
                network_id=text(value.get("NetworkID"), 64),
                address=text(value.get("IPAddress") or value.get("GlobalIPv6Address"), 64),
                gateway=text(value.get("Gateway") or value.get("IPv6Gateway"), 64),
                aliases=tuple(text(a, 255) for a in aliases[:_MOST_ALIASES]) if isinstance(aliases, list) else (),
            )
        )
    return tuple(found)


def part(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside another; empty where it is absent, null or something else."""
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def ident(value: Any) -> str:
    """An id of 64 hexadecimal digits; empty for anything else."""
    found = value if isinstance(value, str) and len(value) == 64 else ""
    return found if all(c in "0123456789abcdef" for c in found) else ""


def name(value: Any) -> str:
    """A container's name, without the slash before it."""
    return text(value, 255).removeprefix("/")


def whole(value: Any, default: int = 0) -> int:
    """A whole number within 64 bits; the default for anything else."""
    fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if fits else default


def when(value: Any) -> float:
    """An RFC 3339 time as Unix seconds; 0 for the engine's year 1 and for nonsense."""
    if not isinstance(value, str) or len(value) > 40:
        return 0.0
    try:
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        return 0.0
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    # Year 1 with an offset overflows in timestamp() on its way to UTC.
    return max(0.0, found.timestamp()) if found.year > 1970 else 0.0


def signal_name(value: Any) -> str:
    """`15`, `TERM` or `SIGTERM` as `SIGTERM`; a number without a name as `SIG37`."""
    found = str(value) if isinstance(value, int) else text(value, 16).upper()
    if not found:
        return ""
    if _number(found):
        try:
            return signal.Signals(int(found)).name
        except ValueError:
            return f"SIG{int(found)}"
    return found if found.startswith("SIG") else f"SIG{found}"


def _stop_signal(value: Any) -> str:
    found = signal_name(value)
    return "" if found == "SIGTERM" else found


def _stop_timeout(raw_labels: Any, own: Any, default: float) -> float:
    """Seconds that it gets to stop: docker-autoheal's label, else its own stop timeout, else the default.

    The label moves no more than a wait, which `verbs` bounds, so one that came with the image counts too, as it does there.
    """
    labelled = raw_labels.get(_STOP_LABEL) if isinstance(raw_labels, Mapping) else None
    if isinstance(labelled, str) and _number(labelled) and len(labelled) <= 4:
        return float(labelled)
    return default if own is None else float(whole(own, round(default)))


def _check(config: Mapping[str, Any]) -> HealthCheck | None:
    check = part(config, "Healthcheck")
    test = check.get("Test")
    if not isinstance(test, list) or not test or test[0] == "NONE":
        return None
    # 0 means the engine's default: 30 s, 30 s, 3.
    return HealthCheck(
        interval=whole(check.get("Interval")) / 1e9 or 30.0,
        timeout=whole(check.get("Timeout")) / 1e9 or 30.0,
        start_period=whole(check.get("StartPeriod")) / 1e9,
        retries=whole(check.get("Retries")) or 3,
    )


def _health_since(health: Mapping[str, Any], check: HealthCheck | None) -> float:
    """Since when it is unhealthy, from the probe log (the last five) and the streak; 0 when that cannot be told."""
    log = health.get("Log")
    streak = whole(health.get("FailingStreak"))
    if health.get("Status") != "unhealthy" or check is None or not isinstance(log, list) or not log:
        return 0.0
    last = log[-1]
    ended = when(last.get("End")) if isinstance(last, Mapping) else 0.0
    return max(0.0, ended - max(0, streak - check.retries) * check.interval) if ended else 0.0


def _policy(host: Mapping[str, Any]) -> tuple[str, int]:
    policy = part(host, "RestartPolicy")
    found = text(policy.get("Name"), 32)
    return (found if found in _POLICIES else "no", whole(policy.get("MaximumRetryCount")))


def _ports(raw: Mapping[str, Any]) -> tuple[Port, ...]:
    found = []
    for key, bindings in list(raw.items())[:_MOST_PORTS]:
        number, _, protocol = text(key, 16).partition("/")
        if not _number(number):
            continue
        places = [b for b in bindings[:_MOST_PORTS] if isinstance(b, Mapping)] if isinstance(bindings, list) else []
        if not places:
            found.append(Port(int(number), protocol or "tcp"))
        for place in places:
            published = text(place.get("HostPort"), 8)
            host_port = int(published) if _number(published) else 0
            found.append(Port(int(number), protocol or "tcp", text(place.get("HostIp"), 64), host_port))
    found.sort(key=lambda p: (p.number, p.protocol, p.host_address, p.host_port))
    return tuple(found[:_MOST_PORTS])


def _number(value: str) -> bool:
    return value.isascii() and value.isdecimal()


def _cpus(host: Mapping[str, Any]) -> float:
    nano, quota, period = whole(host.get("NanoCpus")), whole(host.get("CpuQuota")), whole(host.get("CpuPeriod"))
    if nano > 0:
        return nano / 1e9
    return quota / (period or 100_000) if quota > 0 else 0.0


def _says_self(raw_labels: Any) -> bool:
    return isinstance(raw_labels, Mapping) and bool(raw_labels.get("paramedic.role"))
