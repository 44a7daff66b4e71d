"""The shapes that the API answers with. Every object carries its host's id; units stand in the names.

Fields of the healer's objects have defaults: what a sibling role of another version leaves out is no error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from paramedic_api.times import rfc3339

T = TypeVar("T", bound="Shape")
if TYPE_CHECKING:
    At = float | str | None
else:
    At = Annotated[str | None, BeforeValidator(rfc3339)]
"""A field that takes Unix seconds and shows RFC 3339."""


class Shape(BaseModel):
    """The base of all shapes."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Body(Shape):
    """The base of what is sent to change something: a field that is not known is refused, and nothing is done.

    A misspelt `dry_run` must not become an act.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(Body):
    """No parameters in the address: what is meant stands in the body."""


class Problem(Shape):
    """A problem document (RFC 9457)."""

    type: str = Field(description="stable, `urn:paramedic:problem:NAME`")
    title: str
    status: int
    detail: str = Field(description="what was wrong, where, and what to do")
    code: str | None = Field(None, description="the guard that refused")
    retry_after: float | None = Field(None, description="seconds after which to try again")


class Part(Shape):
    """Whether one part can do its work."""

    ready: bool
    reason: str = ""


class Verdict(Shape):
    """`/-/ready` and `/-/healthy`: all parts, each with what it lacks."""

    role: str
    ready: bool
    parts: dict[str, Part]


class Counts(Shape):
    """Containers by how they stand."""

    total: int
    well: int
    ill: int
    resting: int = Field(description="stopped by hand, paused, finished, not started: nobody expects these to run")


class Status(Shape):
    """How things are, in words and figures."""

    host: str
    node: str
    version: str
    sentence: str
    detail: str
    as_of: At = Field(description="when the engine last confirmed what is shown")
    age_seconds: float | None
    engine: str = Field(description="connected, away or starting")
    frozen: bool
    containers: Counts
    healed_last_day: int
    held: int = Field(description="open incidents that wait for a person")
    damage: str = Field(
        description="what of the stored metrics is damaged, what is lost and what to do; empty for nothing"
    )
    parts: dict[str, Part]


class EngineOut(Shape):
    """The engine, as runtime sees it."""

    status: str
    since: At
    reason: str
    version: str
    api_version: str
    cgroup_version: str
    rootless: bool
    swarm: bool


class Hands(Shape):
    """Whether paramedic can act at all."""

    ready: bool
    reason: str
    frozen: bool
    separated: bool


class Node(Shape):
    """One host. Figures are null until the collector was heard."""

    host: str
    name: str
    engine: EngineOut
    hands: Hands
    containers: int
    uptime_seconds: float | None
    cpu_cores: int | None
    cpu_used_ratio: float | None
    memory_total_bytes: float | None
    memory_used_bytes: float | None
    filesystem_size_bytes: float | None
    filesystem_used_bytes: float | None
    network_receive_bytes_per_second: float | None
    network_transmit_bytes_per_second: float | None


class Ending(Shape):
    """How a container's last run ended."""

    at: At
    by: str = Field(description="nobody, us, someone or unknown")
    signal: str
    exit_code: int | None = Field(description="as its event told it; null when nobody heard one")


class Address(Shape):
    """A container's address on one network."""

    network: str
    address: str


class Container(Shape):
    """One container."""

    host: str
    id: str
    name: str
    service: str = Field(description="the service's key: `project/service`, or the plain container's name")
    project: str
    image: str
    state: str
    health: str
    standing: str
    word: str = Field(description="the standing in words for a person")
    since: At
    created_at: At
    started_at: At
    finished_at: At
    exit_code: int
    oom_killed: bool
    restarts: int
    failing_streak: int
    restart_policy: str
    ending: Ending | None
    addresses: list[Address]
    cpu_used_cores: float | None
    cpu_limit_cores: float
    memory_used_bytes: float | None
    memory_limit_bytes: int
    acting: str = Field(description="the verb at work on it; empty for none")
    is_self: bool
    labels: dict[str, str] | None = Field(
        None, description="in the detail only; values of secret-looking ones are gone"
    )


class Service(Shape):
    """One service on one host, with its containers."""

    host: str
    key: str
    name: str
    project: str
    standing: str
    word: str
    running: int
    wanted: int
    containers: list[str]
    restarts: int
    cpu_used_cores: float | None
    memory_used_bytes: float | None
    memory_limit_bytes: int
    mode: str = Field(description="the mode that counts; empty while the healer has not said")
    mode_from: str = Field(description="who said so")
    allow: str = Field(description="the one change that would allow acting, in words")


class Decision(Shape):
    """What the healer decided, and why."""

    seq: int = 0
    at: At = None
    host: str = ""
    incident: str = ""
    target: str = ""
    name: str = ""
    service: str = ""
    cause: str = ""
    action: str = ""
    decision: str = Field("", description="do, wait or refuse")
    gate: str = Field("", description="the gate that decided")
    reason: str = ""
    allow: str = Field("", description="the one change that would allow it")
    until: At = None
    mode: str = ""
    dry_run: bool = Field(default=False, description="only judged, and not written down")
    inputs: dict[str, Any] | None = Field(None, description="what the trigger and every gate saw")


class PlanEntry(Shape):
    """What would be healed now."""

    host: str = ""
    target: str = ""
    name: str = ""
    service: str = ""
    cause: str = ""
    since: At = None
    text: str = Field("", description="what is wrong")
    action: str = ""
    would: bool = Field(default=False, description="nothing but the mode stands in the way")
    decision: str = Field("", description="do, wait or refuse")
    gate: str = Field("", description="the first gate that holds it; empty when none does")
    reason: str = ""
    allow: str = Field("", description="the one change that would allow it, in words")
    until: At = None
    mode: str = ""


class Step(Shape):
    """One moment of an incident."""

    at: At = None
    kind: str = ""
    text: str = ""
    gate: str = ""


class Incident(Shape):
    """One target, one cause, from the first sign to the end."""

    id: str = ""
    host: str = ""
    target: str = ""
    name: str = ""
    service: str = ""
    cause: str = ""
    since: At = None
    opened_at: At = None
    closed_at: At = None
    state: str = Field("", description="open, held, healed, recovered, gave_up or closed")
    title: str = ""
    story: list[Step] = Field(default_factory=list)
    tries: int = 0
    mode: str = ""
    summary: str = ""
    outcome: str = ""


class Record(Shape):
    """One record of the healer's journal: a decision, an act, an outcome. It may have more fields by its kind."""

    model_config = ConfigDict(extra="allow", frozen=True)
    seq: int = 0
    at: At = None
    host: str = ""
    kind: str = ""

    @model_validator(mode="before")
    @classmethod
    def _times(cls, value: Any) -> Any:
        """Times among the further fields are shown as all times are."""
        if not isinstance(value, dict):
            return value
        return {k: rfc3339(v) if k in ("since", "until") or k.endswith("_at") else v for k, v in value.items()}


class IncidentDetail(Shape):
    """An incident with its records: every decision with its inputs."""

    incident: Incident | None = Field(description="null when it is older than a day; its records tell")
    records: list[Record]
    warnings: list[str] = Field(default_factory=list)


class Grant(Shape):
    """A service's mode as given on the command line or the page."""

    host: str
    service: str
    mode: str = Field(description="what was granted")
    effective: str = Field(description="the mode that counts now, whoever says so: the file comes before a grant")
    why: str = Field(description="who says so")


class Frozen(Shape):
    """Whether all acting is stopped."""

    host: str
    frozen: bool


class Session(Shape):
    """Who is logged in."""

    name: str
    role: str


class History(Shape):
    """Recent figures of one thing, evenly spaced, oldest first; null where nothing was heard."""

    host: str
    end_at: At
    interval_seconds: float
    series: dict[str, list[float | None]]


class Listing(Shape):
    """What every list has besides its items."""

    next: str | None = Field(None, description="give it as `cursor` to read on; null at the end")
    as_of: At = Field(None, description="when this was last known to be so")
    warnings: list[str] = Field(default_factory=list, description="what was away, so that older knowledge is shown")


class Nodes(Listing):
    """A list of nodes."""

    items: list[Node]


class Containers(Listing):
    """A list of containers."""

    items: list[Container]


class Services(Listing):
    """A list of services."""

    items: list[Service]


class Decisions(Listing):
    """Decisions, newest first."""

    items: list[Decision]


class Plan(Listing):
    """What would be healed now."""

    items: list[PlanEntry]


class Incidents(Listing):
    """Incidents, newest first."""

    items: list[Incident]


class Records(Listing):
    """Journal records, oldest first."""

    items: list[Record]


class NotificationChannel(Shape):
    """One channel by which people are told, and how it does."""

    host: str
    name: str
    kind: str
    place: str = Field(description="scheme and host; the rest of its URL is never shown")
    gets: list[str] = Field(description="of failed, refused, gave_up, healed")
    digest_seconds: float = Field(description="what was healed is collected for so long")
    state: str = Field(
        description="well, waiting (something is yet to be sent), failing (the last try did not get through)"
    )
    waiting: int
    sent_total: int
    dropped_total: int = Field(description="never sent: no room, older than a day, or refused by the receiver for good")
    failures_total: int = Field(description="tries that did not get through, since the hub started")
    last_sent_at: At
    last_error: str
    last_error_at: At
    next_try_at: At


class HeartbeatState(Shape):
    """The sign of life, and how it does."""

    place: str = Field(description="scheme and host; empty where none is sent")
    interval_seconds: float
    state: str = Field(description="off, well, failing")
    sent_total: int
    failures_total: int
    withheld_total: int = Field(description="not sent because runtime, healer or the engine was not well")
    last_sent_at: At
    last_error: str


class Notifications(Listing):
    """All channels, and the heartbeat."""

    items: list[NotificationChannel]
    heartbeat: HeartbeatState


class NotificationTest(Shape):
    """What came of a test of one channel."""

    channel: str
    delivered: bool
    error: str
    seconds: float


class NotificationTests(Shape):
    """What came of a test."""

    items: list[NotificationTest]


def readable(kind: type[T], raw: Iterable[Any]) -> tuple[list[T], list[str]]:
    """What a sibling role sent as shapes, and a warning where an entry could not be read."""
    items, lost = [], 0
    for entry in raw:
        try:
            items.append(kind.model_validate(entry))
        except ValidationError:
            lost += 1
    return items, [f"{lost} of the healer's entries could not be read: is it of another version?"] if lost else []


def plain(shape: Shape) -> dict[str, Any]:
    """A shape as JSON takes it."""
    return shape.model_dump(mode="json")
