"""How many runs of each container ended, and how many kills for lack of memory there were, from each change of the World.

A container may end several times between two scrapes, and its cgroup goes with the run: so what is counted is what the
World tells, when it tells it, and a scrape adds only what it reads in the cgroup.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from paramedic_core.model import Container
from paramedic_core.world import World


@dataclass(slots=True)
class _Course:
    """What is counted of one container."""

    last: Container
    exits: int = 0
    before: int = 0
    """Kills in the runs before its present one."""
    read: int = 0
    """Kills that the cgroup of the present run has counted, as last read."""
    told: bool = False
    """Whether the engine says that the present run ended for lack of memory."""

    @property
    def kills(self) -> int:
        # The engine's word and the cgroup's counter tell of the same kill, so a run counts by whichever knows of more.
        return self.before + max(self.read, int(self.told))

    def next(self, now: Container) -> None:
        """The World tells something new of it."""
        old, self.last = self.last, now
        ended = now.finished_at != old.finished_at
        # The engine's own restarts may follow one another faster than the World is published: its count has them all.
        self.exits += max(int(ended), now.restarts - old.restarts)
        # The engine may find out only after it has told of the end.
        if now.oom_killed and (ended or not old.oom_killed):
            self.told = True
        if now.started_at != old.started_at:
            self.before, self.read, self.told = self.kills, 0, False


class Ends:
    """Counts, from the first sight of each container until it is gone. Safe from any thread.

    It holds one record for each container of the last World, and nothing of others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._courses: dict[str, _Course] = {}
        self._since: float | None = None

    def hear(self, world: World) -> None:
        """Take the next World; they must come in order.

        Args:
            world: each one, not only those that are scraped.
        """
        with self._lock:
            for gone in self._courses.keys() - world.containers.keys():
                del self._courses[gone]
            for key, container in world.containers.items():
                course = self._courses.get(key)
                if course is None:
                    self._courses[key] = self._first(container)
                elif course.last is not container:
                    course.next(container)
            if self._since is None and world.engine.connected:
                self._since = world.at

    def exits(self, container: str) -> int:
        """Runs of this container (its id) that ended."""
        with self._lock:
            course = self._courses.get(container)
            return course.exits if course is not None else 0

    def kills(self, container: str) -> int:
        """Processes of this container (its id) that were killed for lack of memory, in all its runs."""
        with self._lock:
            course = self._courses.get(container)
            return course.kills if course is not None else 0

    def read(self, container: Container, kills: int) -> int:
        """Take what the cgroup of a run says; returns what `kills` does.

        Args:
            container: as it was when its cgroup was read.
            kills: the counter of the cgroup, which begins anew with each run.
        """
        with self._lock:
            course = self._courses.get(container.id)
            if course is None:  # The World that has it is being heard.
                return kills
            if course.last.started_at == container.started_at:
                course.read = max(course.read, kills)
            return course.kills

    def _first(self, container: Container) -> _Course:
        """What ended before we came does not count; what came after us counts from its beginning."""
        course = _Course(container)
        if self._since is not None and container.created_at > self._since and container.finished_at > 0:
            course.exits = max(1, container.restarts)
            course.before = int(container.oom_killed and container.running)
            course.told = container.oom_killed and not container.running
        return course
