"""Docker's engine behind the Backend interface.

Lists are cheap by design: a container is inspected again only when the list disagrees with its last inspect, or when its
turn comes (each list takes a twentieth of them in turn). Events are asked for by name, so that `exec_*` is never sent.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.errors import EngineAway, NotAnEngine, NotFound
from paramedic_core.model import Container
from paramedic_core.usage import Usage
from paramedic_core.world import Engine, EngineStatus
from paramedic_runtime import survey, translate
from paramedic_runtime.answer import Lines
from paramedic_runtime.base import Event
from paramedic_runtime.find import engine_address
from paramedic_runtime.labels import text
from paramedic_runtime.own import own_ids
from paramedic_runtime.usage import usage
from paramedic_runtime.wire import Wire, quoted

log = logging.getLogger("paramedic.docker")

MARGIN = 15.0
"""Seconds that a verb's answer may take beyond the container's stop timeout."""
MOST_CONTAINERS = 10_000
_IMAGES = 256
_TURNS = 20
_HISTORY_BYTES = 16 << 20
_OVERLAP = 0.5


class DockerBackend:
    """One Docker Engine. Safe from any thread.

    Args:
        setting: `runtime.engine`; empty: found as `find` says, anew at each `engine()`.
        clock: the time.
        timeout: seconds that a read may take.
        own: ids of paramedic's own containers; None: found from /proc.
        stop_timeout: seconds that a container gets to stop when it says nothing of it.
    """

    def __init__(
        self,
        setting: str,
        clock: Clock,
        *,
        timeout: float = 5.0,
        own: frozenset[str] | None = None,
        stop_timeout: float = 10.0,
    ) -> None:
        self._setting, self._clock, self._timeout, self._stop_timeout = setting, clock, timeout, stop_timeout
        self._own = own_ids() if own is None else own
        self._wire: Wire | None = None
        self._lock = threading.Lock()
        self._images: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._known: dict[str, tuple[float, Container]] = {}
        self.address = setting
        self.inspects = 0
        """Inspect calls so far."""

    def engine(self) -> Engine:
        """See Backend. Also agrees on the API version, so it is the first call after the engine was away."""
        address = engine_address(self._setting)
        wire = Wire(address, self._timeout)
        try:
            version, info = wire.negotiate(), wire.get("/info", most=4 << 20)
            if not isinstance(info, dict):
                raise NotAnEngine(f"what answers at {address} is not a Docker Engine: its /info is no object")
        except BaseException:
            wire.close()
            raise
        with self._lock:
            old, self._wire, self.address = self._wire, wire, address
            self._known.clear()
        if old is not None:
            old.close()
        options = info.get("SecurityOptions")
        return Engine(
            status=EngineStatus.CONNECTED,
            since=self._clock.now(),
            address=address,
            version=text(version.get("Version"), 64),
            api_version=wire.api,
            cgroup_driver=text(info.get("CgroupDriver"), 64),
            cgroup_version=text(info.get("CgroupVersion"), 8),
            rootless=isinstance(options, list) and "name=rootless" in options,
            swarm=translate.part(info, "Swarm").get("LocalNodeState") == "active",
            root_dir=text(info.get("DockerRootDir")),
        )

    def containers(self) -> list[Container]:
        """See Backend."""
        found = self._connected().get("/containers/json", {"all": "1"})
        if not isinstance(found, list):
            raise NotAnEngine(f"what answers at {self.address} is not a Docker Engine: its list is none")
        if len(found) > MOST_CONTAINERS:
            log.warning("the engine has %d containers: only the first %d are seen", len(found), MOST_CONTAINERS)
        now = self._clock.now()
        entries = {e["Id"]: e for e in found[:MOST_CONTAINERS] if isinstance(e, dict) and translate.ident(e.get("Id"))}
        for gone in [k for k in tuple(self._known) if k not in entries]:
            self._known.pop(gone, None)
        turn = self._turn()
        result = []
        for identity, entry in entries.items():
            _, known = self._known.get(identity, (0.0, None))
            if known is None or identity in turn or not survey.unchanged(entry, known, now):
                try:
                    known = self.inspect(identity)
                except NotFound:
                    continue  # It went between list and inspect.
            result.append(known)
        return result

    def inspect(self, target: str) -> Container:
        """See Backend."""
        raw = self._connected().get(f"/containers/{quoted(target)}/json", most=8 << 20)
        self.inspects += 1
        if not isinstance(raw, dict) or not translate.ident(raw.get("Id")):
            raise NotAnEngine(f"what answers at {self.address} is not a Docker Engine: an inspect gave no container")
        has_labels = bool(translate.part(raw, "Config").get("Labels"))
        image = self._image_labels(text(raw.get("Image"))) if has_labels else {}
        found = translate.container(raw, image, own=self._own, stop_timeout=self._stop_timeout)
        self._known[found.id] = (self._clock.monotonic(), found)
        return found

    def events(self, since: float | None = None) -> DockerStream:
        """See Backend; the stream also says how much of it is replay, and since when the engine's history is whole."""
        wire = self._connected()
        now = self._clock.now()
        wanted = [*translate.ACTIONS, *translate.NETWORK_ACTIONS]
        params = {"filters": json.dumps({"type": ["container", "network"], "event": wanted})}
        if since is None:
            return DockerStream(wire.lines("/events", params), [], now)
        backlog, whole = self._history(wire, since, now)
        # The two overlap, so that nothing falls between them; the keeper knows a repeated event.
        lines = wire.lines("/events", {**params, "since": f"{max(since, now - _OVERLAP):.6f}"})
        return DockerStream(lines, backlog, whole)

    def usage(self, target: str) -> Usage:
        """See Backend. `one-shot` spares the engine a second reading a second later, which only rates would need."""
        params = {"stream": "false", "one-shot": "true"}
        raw = self._connected().get(f"/containers/{quoted(target)}/stats", params, most=1 << 20)
        if not isinstance(raw, dict):
            raise NotAnEngine(f"what answers at {self.address} is not a Docker Engine: its statistics are none")
        return usage(raw)

    def restart(self, target: str, timeout: float) -> None:
        """See Backend."""
        self._post(target, "restart", {"t": math.ceil(timeout)}, timeout)

    def stop(self, target: str, timeout: float) -> None:
        """See Backend."""
        self._post(target, "stop", {"t": math.ceil(timeout)}, timeout)

    def start(self, target: str) -> None:
        """See Backend."""
        self._post(target, "start", {}, 0.0)

    def kill(self, target: str, signal: str) -> None:
        """See Backend."""
        self._post(target, "kill", {"signal": signal}, 0.0)

    def close(self) -> None:
        """See Backend."""
        if self._wire is not None:
            self._wire.close()

    def _post(self, target: str, verb: str, params: Mapping[str, Any], timeout: float) -> None:
        self._connected().post(f"/containers/{quoted(target)}/{verb}", params, timeout + MARGIN)

    def _connected(self) -> Wire:
        wire = self._wire
        if wire is None:
            raise EngineAway(f"the engine at {self.address or 'the usual sockets'} has not answered yet")
        return wire

    def _turn(self) -> set[str]:
        """Those inspected longest ago: so that what no event and no list shows (a changed limit) is found in time."""
        oldest = sorted(self._known, key=lambda k: self._known[k][0])
        return set(oldest[: math.ceil(len(oldest) / _TURNS)])

    def _image_labels(self, image: str) -> Mapping[str, str] | None:
        with self._lock:
            if image in self._images:
                self._images.move_to_end(image)
                return self._images[image]
        try:
            raw = self._connected().get(f"/images/{quoted(image)}/json", most=8 << 20)
        except NotFound:
            return None
        found = translate.part(translate.part(raw, "Config"), "Labels") if isinstance(raw, dict) else {}
        kept = {k: v for k, v in list(found.items())[:1024] if isinstance(v, str) and len(v) <= 4096}
        with self._lock:
            self._images[image] = kept
            if len(self._images) > _IMAGES:
                self._images.popitem(last=False)
        return kept

    def _history(self, wire: Wire, since: float, now: float) -> tuple[list[Event], float]:
        """What the engine still remembers (its last 256 events, of any kind) since then, and since when that is whole."""
        # Without a filter, so that it shows how far back its memory reaches; `until` in the past ends the answer.
        body = wire.read("/events", {"since": "1", "until": f"{now - 0.001:.6f}"}, most=_HISTORY_BYTES)
        raw = [_load(line) for line in body.splitlines() if line.strip()]
        times = [translate.whole(r.get("timeNano")) / 1e9 for r in raw]
        events = [e for r in raw if (e := translate.event(r)) is not None and e.at >= since]
        return events, min(times, default=now)


class DockerStream:
    """The engine's events: what it remembered first, then what happens.

    Args:
        lines: the open stream.
        backlog: what it remembered.
        whole_since: see `keeper.Stream`.
    """

    def __init__(self, lines: Lines, backlog: list[Event], whole_since: float) -> None:
        self._lines = lines
        self.backlog, self.whole_since = len(backlog), whole_since
        self._events = self._follow(backlog)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """The next event; raises EngineAway when the stream broke off, StopIteration when it ended."""
        return next(self._events)

    def close(self) -> None:
        """End it, from any thread."""
        self._lines.close()
        try:
            self._events.close()
        except ValueError:
            return  # Another thread is reading: that one sees the end, and lets go.
        self._lines.release()

    def _follow(self, backlog: list[Event]) -> Generator[Event, None, None]:
        yield from backlog
        for line in self._lines:
            found = translate.event(_load(line))
            if found is not None:
                yield found


def _load(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        shown = text(line[:80].decode("utf-8", "replace"))
        raise NotAnEngine(f"the event stream gave what is no event: {shown}; is this a Docker Engine?")
    return found
