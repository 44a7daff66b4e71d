"""What the engine knows of each container, running or not: state, health, restarts, exit code."""

from __future__ import annotations

from paramedic_collector.cadvisor import LABELS
from paramedic_collector.ends import Ends
from paramedic_collector.exposition import Exposition, Family, label_pairs, number
from paramedic_collector.labels import labels_of
from paramedic_collector.source import Context, Source
from paramedic_core.model import Container, Health, State

_STATE = Family(
    "container_state",
    "gauge",
    "Whether the container is in this state: 1 for the one that it is in, 0 for the others.",
    tuple(sorted((*LABELS, "state"))),
    like="ours",
)
_HEALTH = Family(
    "container_health_state",
    "gauge",
    "The result of the container's health check: 1 healthy, 0 not, -1 it has none.",
    LABELS,
    like="cAdvisor",
)


def _ours(kind: str, name: str, text: str) -> Family:
    return Family(f"container_{name}", kind, text, LABELS, like="ours")


_STREAK = _ours("gauge", "health_failing_streak", "How many health checks failed one after another, until now.")
_RESTARTS = _ours("counter", "restarts_total", "How often the engine's restart policy has started the container again.")
_EXIT_CODE = _ours("gauge", "last_exit_code", "The exit code of the last run that ended.")
_EXITS = _ours("counter", "exits_total", "Runs that ended since the collector knows the container.")
_EXITED_AT = _ours("gauge", "last_exit_time_seconds", "When the last run ended, in Unix seconds.")
_ENDED_BY = Family(
    "container_last_exit_by",
    "gauge",
    "Who ended the last run: nobody (it ended by itself), us, someone (a signal that we did not send), unknown.",
    tuple(sorted((*LABELS, "by"))),
    like="ours",
)
_OOM_KILLED = _ours("gauge", "last_oom_killed", "Whether the last run was ended by the kernel for lack of memory.")
_STATES = tuple(state for state in State if state is not State.UNKNOWN)
_HEALTH_VALUE = {Health.HEALTHY: 1, Health.NONE: -1}


class ContainerState(Source):
    """State, health, restarts, ends and exit code of each container."""

    name = "container_state"
    families = (_STATE, _HEALTH, _STREAK, _RESTARTS, _EXIT_CODE, _EXITS, _EXITED_AT, _ENDED_BY, _OOM_KILLED)

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, tuple[Container, int, list[tuple[Family, str]]]] = {}
        self._ends = Ends()

    def collect(self, context: Context, out: Exposition) -> None:
        containers = context.world.containers if context.world is not None else {}
        for gone in self._known.keys() - containers.keys():
            del self._known[gone]
        if context.ends is None and context.world is not None:
            self._ends.hear(context.world)
        ends = context.ends or self._ends
        for container in containers.values():
            known, exits = self._known.get(container.id), ends.exits(container.id)
            # A container's facts are immutable, so its lines are made once for each change of it.
            if known is None or known[0] is not container or known[1] != exits:
                lines = _lines(container, context.labels, exits)
                known = self._known[container.id] = (container, exits, lines)
            for family, line in known[2]:
                out.of(family).append(line)


def _lines(container: Container, more: tuple[str, ...], ends: int) -> list[tuple[Family, str]]:
    labels = labels_of(container, more)
    pairs = label_pairs(labels)
    lines = []
    for state in _STATES:
        of_state = label_pairs({**labels, "state": state.value})
        lines.append((_STATE, f"{_STATE.name}{{{of_state}}} {int(container.state is state)}"))
    values: dict[Family, float] = {_RESTARTS: container.restarts, _EXITS: ends}
    if container.state in (State.RUNNING, State.PAUSED):
        # Of a stopped container the engine repeats the last verdict for ever: no news.
        values[_HEALTH] = _HEALTH_VALUE.get(container.health, 0)
        values[_STREAK] = container.failing_streak
    if container.finished_at > 0:
        values[_EXIT_CODE] = container.last_exit_code
        values[_OOM_KILLED] = int(container.oom_killed)
        values[_EXITED_AT] = container.finished_at
    if container.ending is not None:
        by = label_pairs({**labels, "by": container.ending.by.value})
        lines.append((_ENDED_BY, f"{_ENDED_BY.name}{{{by}}} 1"))
    return lines + [(family, f"{family.name}{{{pairs}}} {number(value)}") for family, value in values.items()]
