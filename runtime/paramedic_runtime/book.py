"""What is remembered of each container beyond what the engine's inspect says: its ending, its starts, since when its health.

Pure: an event or an inspect result goes in, the next record comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paramedic_core.codec import from_plain, to_plain
from paramedic_core.model import Container, EndedBy, Ending, Health
from paramedic_runtime.base import Event
from paramedic_runtime.endings import Known, Run, follow, unheard

STARTS = 16
_DIE_LAG = 30.0
"""Seconds by which a `die` may be told after the engine's FinishedAt, on a loaded machine."""
_CLOSE = 0.25
_START_LAG = 10.0
"""Seconds by which a `start` may be told after the engine's StartedAt."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one container."""

    run: Run = field(default_factory=Run)
    ending: Ending | None = None
    settled: bool = False
    """`ending.at` is the engine's FinishedAt already, not yet the time of the `die` event."""
    starts: tuple[float, ...] = ()
    unheard_start: bool = False
    """The last of `starts` came from an inspect; its event may still follow."""
    health: Health | None = None
    health_since: float = 0.0


def hear(record: Record, event: Event, known: Known) -> Record:
    """The record after an event."""
    if event.action == "start":
        starts = record.starts
        if not (record.unheard_start and starts and 0 <= event.at - starts[-1] <= _START_LAG):
            starts = (*starts, event.at)[-STARTS:]
        record = replace(record, starts=starts, unheard_start=False)
    if event.action == "health_status":
        return replace(record, health=_health(event.detail), health_since=event.at)
    run, ending = follow(record.run, record.ending, event, known)
    settled = record.settled and event.action != "die"
    return replace(record, run=run, ending=ending, settled=settled)


def see(record: Record, container: Container, now: float) -> tuple[Record, Container]:
    """The record after an inspect or list, and the container with what is remembered of it.

    Args:
        record: as it was.
        container: as the engine just said.
        now: Unix seconds.
    """
    record = _see_start(record, container)
    record = _see_ending(record, container)
    record = _see_health(record, container, now)
    return record, dress(record, container)


def unwitnessed(old: Record, new: Record) -> bool:
    """Whether an inspect just showed a death that no event has told of."""
    return new.ending is not None and new.ending.by is EndedBy.UNKNOWN and new.ending != old.ending


def dress(record: Record, container: Container) -> Container:
    """The container with what is remembered of it."""
    term = record.run.term
    asked = term is not None and not term.ours and not record.run.dead and term.at >= container.started_at
    # The run that an inspect told of may be over though it is not marked so: what does not run has nothing to be asked.
    asked = asked and container.running
    return replace(
        container,
        ending=record.ending,
        starts=record.starts,
        health_since=record.health_since,
        stop_asked=term.at if term is not None and asked else 0.0,
    )


def _see_start(record: Record, container: Container) -> Record:
    started = container.started_at
    last = record.starts[-1] if record.starts else 0.0
    # The engine's StartedAt precedes its start event, so a later one belongs to a start not heard of.
    if started <= last or not started:
        return record
    lost = bool(record.starts) and started > record.run.began
    run = unheard(record.run, started) if lost else record.run
    return replace(record, starts=(*record.starts, started)[-STARTS:], unheard_start=True, run=run)


def _see_ending(record: Record, container: Container) -> Record:
    finished, ending = container.finished_at, record.ending
    if not finished:
        return replace(record, ending=None, settled=False) if ending is not None else record
    if (
        ending is not None
        and not _of_run_before(record, container)
        and (abs(ending.at - finished) < 1e-5 or (not record.settled and -_CLOSE <= ending.at - finished <= _DIE_LAG))
    ):
        if record.settled and ending.at == finished:
            return record
        return replace(record, ending=replace(ending, at=finished), settled=True)
    # A death that no event told of.
    return replace(record, ending=Ending(finished, EndedBy.UNKNOWN), settled=True)


def _of_run_before(record: Record, container: Container) -> bool:
    """Whether the ending that is known came before the last start that was told, and the engine's end after it.

    However close they are, they are two: a person's stop right after our restart must not pass for the restart's.
    """
    ending = record.ending
    if ending is None or container.running or ending.at == container.finished_at:
        return False
    return ending.at < record.run.began and container.finished_at > container.started_at


def _see_health(record: Record, container: Container, now: float) -> Record:
    same = record.health is container.health
    if same and (record.health_since >= container.started_at or not container.running):
        return record
    if container.health_since and container.health_since >= container.started_at:
        since = container.health_since
    elif container.health in (Health.STARTING, Health.NONE):
        since = container.started_at or container.created_at
    else:
        since = now
    return replace(record, health=container.health, health_since=since)


def _health(text: str) -> Health | None:
    try:
        return Health(text)
    except ValueError:
        return None


def to_json(record: Record) -> dict[str, Any]:
    """What of a record must outlive the process."""
    plain: dict[str, Any] = {"starts": list(record.starts)}
    if record.ending is not None and record.settled:
        plain["ending"] = to_plain(record.ending)
    return plain


def from_json(plain: Mapping[str, Any]) -> Record:
    """A record as it was kept.

    Raises:
        BadInput: it was not made by `to_json`.
    """
    ending = from_plain(Ending, plain["ending"]) if plain.get("ending") is not None else None
    starts: tuple[float, ...] = from_plain(tuple[float, ...], list(plain.get("starts", ())))
    return Record(ending=ending, settled=ending is not None, starts=starts[-STARTS:])
