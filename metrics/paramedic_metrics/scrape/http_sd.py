"""`http_sd_configs`: lists of targets that are asked for over HTTP (https://prometheus.io/docs/prometheus/latest/http_sd/).

What the collector says of containers that want to be scraped comes this way too, over its unix socket.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from paramedic_core.errors import BadInput, ParamedicError
from paramedic_core.world import World
from paramedic_metrics.scrape.fields import Section
from paramedic_metrics.scrape.transport import Access, Connection, access

LOOK = 5.0
"""Seconds between two looks for targets; refresh intervals are rounded to it."""
_MOST_BODY = 8 << 20
_MOST_TARGETS = 20_000
_MOST_LABELS = 500
_MOST_PAIRS = 500_000
"""Labels of all targets together: each target has its own, so a small answer could take much memory."""
_PATIENCE = 10.0
_JSON = re.compile(r"application/json(;\s*charset=(\"utf-8\"|utf-8))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """One entry of `http_sd_configs`."""

    url: str
    every: float = 60.0
    """Seconds between two questions."""
    access: Access = field(default_factory=Access)
    socket: str = ""
    """A unix socket to ask instead of the address."""
    labels: tuple[tuple[str, str], ...] = ()
    """Given to every target, whatever the answer says of them."""


@dataclass(slots=True)
class HttpTargets:
    """One list. The manager calls `refresh` in a thread of its own, so that `targets` never waits."""

    options: HttpOptions
    trouble: str = field(default="", compare=False)
    deadline: float = field(default=float("inf"), compare=False)
    """Monotonic seconds at which the exchange under way must have ended."""
    _known: Sequence[Mapping[str, str]] = field(default=(), compare=False)
    _due: float = field(default=float("-inf"), compare=False)
    _connection: Connection | None = field(default=None, compare=False)

    def targets(self, world: World | None) -> Sequence[Mapping[str, str]]:  # noqa: ARG002  it needs no World
        return self._known

    def begin(self, now: float) -> bool:
        """Whether it is time to ask; if so, the question counts as asked (monotonic seconds)."""
        if now < self._due - LOOK / 2:
            return False
        # Each answer is followed by a look at once: a shorter interval would be no interval at all.
        self._due, self.deadline = now + max(LOOK, self.options.every), now + self._patience
        return True

    def refresh(self) -> None:
        """Ask. After a failure the last list counts, as in Prometheus, and `trouble` says why."""
        headers = {
            "Accept": "application/json",
            "User-Agent": "paramedic",
            "X-Prometheus-Refresh-Interval-Seconds": f"{self.options.every:g}",
        }
        options = self.options
        asked = self._connection = Connection(options.url, options.access, socket_path=options.socket, most=_MOST_BODY)
        try:
            answer = asked.get(headers, max(0.05, min(self._patience, self.deadline - time.monotonic())))
            if not _JSON.fullmatch(answer.kind):
                raise BadInput(f"its answer is {answer.kind[:60]!r}, not application/json")
            self._known, self.trouble = read_list(answer.body, options.url, dict(options.labels)), ""
        except ParamedicError as error:
            self.trouble = f"{options.url}: {error}"
        finally:
            self._connection, self.deadline = None, float("inf")
            asked.close()

    def expire(self) -> None:
        """End the exchange under way: it has had its time."""
        self.deadline = float("inf")
        asked = self._connection
        if asked is not None:
            asked.abort()

    @property
    def _patience(self) -> float:
        return min(_PATIENCE, max(1.0, self.options.every))


def read_list(data: bytes, url: str, labels: Mapping[str, str]) -> list[dict[str, str]]:
    """The targets of an answer.

    Args:
        data: its body: a list of `{"targets": [ADDRESS, …], "labels": {NAME: VALUE, …}}`.
        url: where it is from, for `__meta_url`.
        labels: given to each, over its own.

    Raises:
        BadInput: it is no such list; of one with a mistake nothing is taken.
    """
    try:
        groups = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"its answer is not JSON: {error}") from None
    if not isinstance(groups, list):
        raise BadInput("its answer is no list of groups of targets")
    found: list[dict[str, str]] = []
    pairs = 0
    for number, group in enumerate(groups):
        targets, own = _group(group, number)
        pairs += len(targets) * len(own)
        if len(found) + len(targets) > _MOST_TARGETS or pairs > _MOST_PAIRS:
            raise BadInput(f"its answer has more than {_MOST_TARGETS} targets, or {_MOST_PAIRS} labels of all of them")
        found += [{**own, "__meta_url": url, **labels, "__address__": address} for address in targets]
    return found


def _group(group: object, number: int) -> tuple[list[str], dict[str, str]]:
    if not isinstance(group, dict):
        raise BadInput(f"group {number} of its answer is no object with targets and labels")
    targets, labels = group.get("targets") or [], group.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
        raise BadInput(f"targets of group {number} of its answer is no list of texts")
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise BadInput(f"labels of group {number} of its answer is no object of texts")
    if len(labels) > _MOST_LABELS:
        raise BadInput(f"group {number} of its answer has more than {_MOST_LABELS} labels")
    try:
        "".join((*targets, *labels, *labels.values())).encode()
    except UnicodeEncodeError:
        raise BadInput(f"group {number} of its answer has half a character, which is no UTF-8") from None
    if "" in labels:  # any other name will do in Prometheus 3
        raise BadInput(f"a label in group {number} of its answer has no name")
    return targets, labels


def http(section: Section) -> HttpOptions | None:
    """One entry as it is written; mistakes go to the section."""
    before = len(section.mistakes)
    url = section.text("url", needed=True)
    every = section.duration("refresh_interval", 60.0)
    found = HttpOptions(url, every, access(section))
    section.rest(
        lambda name: "paramedic asks without a proxy" if name.startswith("proxy_") or name == "no_proxy" else ""
    )
    if url and not _is_url(url):
        section.wrong(section.at("url"), "url", f"{url[:80]!r} is no http:// or https:// address")
    if every <= 0:
        section.wrong(section.at("refresh_interval"), "refresh_interval", "must be more than 0")
    return found if len(section.mistakes) == before else None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
