"""What paramedic knows of one container: plain, immutable, without any secret.

The values come from the engine's list, inspect and events. Environment values are never read into it, and labels
whose names look like secrets lose their value before they get here (`runtime` does both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_NUMBER = "com.docker.compose.container-number"
COMPOSE_ONEOFF = "com.docker.compose.oneoff"
JSON_FILE = "json-file"
"""The log driver whose lines paramedic reads."""
SWARM_TASK = "com.docker.swarm.task.id"
SWARM_SERVICE = "com.docker.swarm.service.name"
SWARM_STACK = "com.docker.stack.namespace"


class State(StrEnum):
    """A container's state, in the engine's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """A container's health, in the engine's words; `none` without a health check."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class EndedBy(StrEnum):
    """Who ended a container's last run."""

    NOBODY = "nobody"
    """It ended by itself: a `die` with no terminating `kill` just before it."""
    US = "us"
    """One of our own verbs."""
    SOMEONE = "someone"
    """A terminating signal that we did not send: a person, or another program. It is respected."""
    UNKNOWN = "unknown"
    """Nobody witnessed it (we or the engine were away): it is held, not healed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container's last run ended, as events told it (facts/healing 3.8)."""

    at: float
    """Unix seconds, the engine's FinishedAt."""
    by: EndedBy
    signal: str = ""
    """The signal of the kill, as `SIGTERM`; empty when there was none."""
    exit_code: int | None = None
    """What its `die` event told; None when nobody heard one. The engine itself forgets it at the next start."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place on one network."""

    network: str
    network_id: str
    address: str
    gateway: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a container exposes, and where the host publishes it, if it does."""

    number: int
    protocol: str = "tcp"
    """tcp, udp or sctp."""
    host_address: str = ""
    """The host's address; `0.0.0.0` and `::` are all of them."""
    host_port: int = 0
    """0: not published."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How the engine probes; all in seconds."""

    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Container:
    """One container at one moment. Times are Unix seconds, 0 where there is none."""

    id: str
    """64 hexadecimal digits."""
    name: str
    state: State
    image: str = ""
    image_id: str = ""
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    pid: int = 0
    error: str = ""
    """The engine's own words when it could not start it."""
    health: Health = Health.NONE
    health_since: float = 0.0
    """When `health` took its present value, as far as is known."""
    failing_streak: int = 0
    health_check: HealthCheck | None = None
    restarts: int = 0
    """The engine's RestartCount: starts by its own restart policy."""
    starts: tuple[float, ...] = ()
    """The last starts that were seen, oldest first, at most 16."""
    restart_policy: str = "no"
    """no, always, unless-stopped, on-failure."""
    restart_retries: int = 0
    stop_timeout: float = 10.0
    stop_signal: str = ""
    """The signal that its image or creator chose for stopping it, as `SIGWINCH`; empty: SIGTERM."""
    auto_remove: bool = False
    network_mode: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[Port, ...] = ()
    """Exposed and published ports, as the engine's list tells them; at most 64."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Without secrets' values; at most 64 labels of 1 KiB."""
    image_labels: tuple[str, ...] = ()
    """Names of labels that merely came with the image: they never count as leave."""
    log_driver: str = ""
    """Where the engine writes its lines: json-file, local, none, …; empty when it is not known."""
    memory_limit: int = 0
    """Bytes; 0 is unlimited."""
    cpu_limit: float = 0.0
    """Cores; 0 is unlimited."""
    ending: Ending | None = None
    stop_asked: float = 0.0
    """When somebody else sent its present run a signal that is meant to end it; it may still be at it. 0: nobody did."""
    is_self: bool = False
    """One of paramedic's own containers: it never acts on these."""

    @property
    def short_id(self) -> str:
        return self.id[:12]

    @property
    def project(self) -> str:
        """The Compose project or Swarm stack; empty for a plain container."""
        return self._compose(COMPOSE_PROJECT) or self.own_label(SWARM_STACK) or ""

    @property
    def service(self) -> str:
        """The service's own name within its project; a plain container is its own service."""
        swarm = self.own_label(SWARM_SERVICE) or ""
        stack = self.own_label(SWARM_STACK) or ""
        if swarm:
            return swarm.removeprefix(f"{stack}_") if stack else swarm
        return self._compose(COMPOSE_SERVICE) or self.name

    def _compose(self, name: str) -> str:
        """A label of Compose's, if Compose made this container.

        `docker compose build` puts project and service on the image too, so a plain `docker run` of that image carries
        them; without this it would pass for one of the service's containers, and have its leave.
        """
        if name in self.image_labels and self.own_label(COMPOSE_NUMBER) is None:
            return ""
        return self.labels.get(name, "")

    @property
    def service_key(self) -> str:
        """The one name of the service on this host: `project/service`, or the plain container's name."""
        return f"{self.project}/{self.service}" if self.project else self.service

    @property
    def one_off(self) -> bool:
        """Whether `docker compose run` made it: somebody's errand beside the service, and no part of it."""
        return self.labels.get(COMPOSE_ONEOFF, "").lower() == "true"

    @property
    def task(self) -> str:
        """The Swarm task that owns it; empty outside a Swarm."""
        return self.labels.get(SWARM_TASK, "")

    @property
    def unread_driver(self) -> str:
        """Its log driver, if that is one whose lines paramedic does not read; else empty."""
        return "" if self.log_driver in ("", JSON_FILE) else self.log_driver

    @property
    def running(self) -> bool:
        return self.state is State.RUNNING

    @property
    def last_exit_code(self) -> int:
        """The exit code of the last run that ended; 0 when it is not known. The engine says 0 of what runs again."""
        told = self.ending.exit_code if self.ending is not None else None
        return told if self.running and told is not None else self.exit_code

    @property
    def well(self) -> bool:
        """Running, and healthy where the engine checks it."""
        return self.running and self.health in (Health.NONE, Health.HEALTHY)

    def being_stopped(self, now: float) -> bool:
        """Whether somebody's stop of it is still under way at `now`: it has its stop timeout, and the engine a moment."""
        return self.running and self.stop_asked > 0 and abs(now - self.stop_asked) < max(0.0, self.stop_timeout) + 5.0

    def own_label(self, name: str) -> str | None:
        """A label's value, unless it merely came with the image."""
        return None if name in self.image_labels else self.labels.get(name)
