"""CPU, memory and network of running containers, from cgroups and /proc/PID/net/dev, under cAdvisor's names."""

from __future__ import annotations

import resource

from paramedic_collector.cgroup import Layout, layout
from paramedic_collector.exposition import Exposition
from paramedic_collector.files import GONE
from paramedic_collector.readings import FAMILIES, OOM
from paramedic_collector.run import LAST_SEEN, NETWORK, STARTED, Run
from paramedic_collector.source import Context, Source
from paramedic_core.model import Container, State

_SPARE_FILES = 256
"""Descriptors left for connections and all else."""
_BLIND = 3
"""Scrapes in a row in which no process was found: by then the World would have told of so many ends."""


class Containers(Source):
    """CPU, memory and network of each running container."""

    name = "container"
    families = (*FAMILIES, *(family for family, _ in NETWORK), LAST_SEEN, STARTED)

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._runs: dict[str, tuple[Container, Run]] = {}
        self._oom: dict[str, _Total] = {}
        self.deaths = 0
        self._blind = 0

    @property
    def held(self) -> int:
        """Runs whose files are open."""
        return len(self._runs)

    def collect(self, context: Context, out: Exposition) -> None:
        if context.world is None:
            return
        if self._layout is None:
            self._layout = layout(context.paths)
        everyone = context.world.containers
        wanted = [c for c in everyone.values() if c.pid > 0 and c.state in (State.RUNNING, State.PAUSED)]
        for gone in self._runs.keys() - {c.id for c in wanted}:
            self._drop(gone)
        for gone in self._oom.keys() - everyone.keys():
            del self._oom[gone]
        self._all(context, wanted, out)

    def close(self) -> None:
        for container in list(self._runs):
            self._drop(container)

    def _all(self, context: Context, wanted: list[Container], out: Exposition) -> None:
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES
        problems = []
        for container in wanted:
            try:
                run = self._run(context, container)
                values, network = run.values(), run.network()
            except (OSError, ValueError) as error:
                seen = self._drop(container.id)
                if not isinstance(error, OSError) or error.errno not in GONE:
                    problems.append(f"{container.name}: {error}")
                elif seen:
                    self.deaths += 1
                continue
            if OOM in values:
                values[OOM] = self._oom.setdefault(container.id, _Total()).add(run.key, values[OOM])
            run.write(values, network, context.now, out)
            room -= run.size
            if room < 0:
                run.release()
        self._blind = self._blind + 1 if wanted and not self._runs and not problems else 0
        if problems:
            out.problem = f"{len(problems)} of {len(wanted)} containers could not be read, as {problems[0]}"
        elif self._blind >= _BLIND:
            out.problem = (
                f"none of the containers' processes is in {context.paths.procfs} (as {wanted[0].pid} of"
                f" {wanted[0].name}): is it the host's, mounted without hidepid?"
            )

    def _run(self, context: Context, container: Container) -> Run:
        """The run that is open for this container, or a new one: after a restart, and when it was renamed."""
        known = self._runs.get(container.id)
        if known is not None:
            if known[0] is container:
                return known[1]
            if _same(known[0], container):
                self._runs[container.id] = (container, known[1])
                return known[1]
            self._drop(container.id)
        assert self._layout is not None
        run = Run(context, container, self._layout)
        self._runs[container.id] = (container, run)
        return run

    def _drop(self, container: str) -> bool:
        known = self._runs.pop(container, None)
        if known is not None:
            known[1].close()
        return known is not None


class _Total:
    """A counter of the cgroup, which begins anew with each run, summed over the runs that were seen."""

    __slots__ = ("_before", "_key", "_last")

    def __init__(self) -> None:
        self._before = self._last = 0.0
        self._key: tuple[int, float] | None = None

    def add(self, key: tuple[int, float], value: float) -> int:
        if key != self._key:
            self._before += self._last
            self._key = key
        self._last = value
        return int(self._before + value)


def _same(old: Container, new: Container) -> bool:
    """Whether it is the same run, with the same lines."""
    return (old.pid, old.started_at, old.name, old.image) == (new.pid, new.started_at, new.name, new.image) and (
        old.labels == new.labels
    )
