"""What cgroups and /proc/PID/net/dev say of running containers, under cAdvisor's names."""

from __future__ import annotations

import logging
import resource
from collections.abc import Mapping

from paramedic_collector.blockio import Devices
from paramedic_collector.cadvisor import FAMILIES, OOM
from paramedic_collector.cells import Table
from paramedic_collector.cgroup import Layout, layout
from paramedic_collector.ends import Ends
from paramedic_collector.exposition import Exposition, prefix
from paramedic_collector.files import GONE
from paramedic_collector.labels import labels_of
from paramedic_collector.oomkills import OomKills
from paramedic_collector.readings import Gate, Reading, readings
from paramedic_collector.run import Run
from paramedic_collector.slices import Slices
from paramedic_collector.source import Context, Source
from paramedic_core.model import Container, State

log = logging.getLogger("paramedic.collector")
_ALIVE = (State.RUNNING, State.PAUSED)
_SPARE_FILES = 256
"""Descriptors left for connections and all else."""
_BLIND = 3
"""Scrapes in a row in which no process was found: by then the World would have told of so many ends."""


class Containers(Source):
    """CPU, memory, block I/O, network, pressure and limits of each running container, of the host's root cgroup and those below it."""

    name = "container"
    families = FAMILIES

    def __init__(self) -> None:
        super().__init__()
        self._layout: Layout | None = None
        self._table = Table()
        self._slices = Slices(Layout(), [], self._table)
        self._readings: list[Reading] = []
        self._killed: OomKills | None = None
        self._runs: dict[str, tuple[Container, Run]] = {}
        self._ends = Ends()
        self._unread: dict[str, tuple[Container, str]] = {}
        self.deaths = 0
        self._blind = 0

    @property
    def running(self) -> int:
        """Runs whose files are open."""
        return len(self._runs)

    def collect(self, context: Context, out: Exposition) -> None:
        if self._layout is not None or self._find(context):
            self._measure(context, out)
        if context.world is not None and context.ends is not None:
            self._tell_unread(context, context.ends, context.world.containers, out)

    def _measure(self, context: Context, out: Exposition) -> None:
        problems: list[str] = []
        # In a cgroup namespace of our own the root is not the host's.
        raw = not context.settings.docker_only and not self._blind
        rows = self._slices.rows(context, str(int(context.now)), problems) if raw else []
        if context.world is not None:
            rows += self._containers(context, context.world.containers, problems)
        self._table.write(rows, out)
        if problems:
            out.problem = f"{len(problems)} of {len(rows)} cgroups could not be read well, as {problems[0]}"

    def _find(self, context: Context) -> bool:
        """Find out how cgroups are mounted. Without any there is nothing to tell, and with containers that is an error."""
        try:
            self._layout = layout(context.paths)
        except FileNotFoundError:
            if context.world is None or not any(c.pid > 0 for c in context.world.containers.values()):
                return False
            if context.coarse is None:
                raise
            self._layout = Layout()
        self._readings = readings(self._layout, Devices(context.paths))
        self._slices = Slices(self._layout, self._readings, self._table)
        if any(reading.gate is Gate.KILLS for reading in self._readings):
            self._killed = OomKills(context.paths)
        return True

    def close(self) -> None:
        for container in list(self._runs):
            self._drop(container)
        self._slices.close()
        if self._killed is not None:
            self._killed.close()
        super().close()

    def _containers(self, context: Context, everyone: Mapping[str, Container], problems: list[str]) -> list[list[str]]:
        wanted = [c for c in everyone.values() if c.pid > 0 and c.state in _ALIVE]
        for gone in self._runs.keys() - {c.id for c in wanted}:
            self._drop(gone)
        if context.ends is None and context.world is not None:
            self._ends.hear(context.world)
        rows = self._all(context, wanted, problems)
        self._blind = self._blind + 1 if wanted and not self._runs and not problems else 0
        if self._blind >= _BLIND:
            rows += self._coarsely(context, wanted, problems)
        return rows

    def _coarsely(self, context: Context, wanted: list[Container], problems: list[str]) -> list[list[str]]:
        why = (
            f"none of the containers' processes is in {context.paths.procfs} (as {wanted[0].pid} of {wanted[0].name}):"
            " is it the host's, mounted without hidepid?"
        )
        if context.coarse is None:
            problems.append(why)
            return []
        if self._blind == _BLIND:
            log.warning("%s Until then containers are measured by the engine, once a minute", why)
        rows = context.coarse.rows(wanted, context.labels)
        if context.coarse.trouble:
            problems.append(f"{why} The engine's own numbers are not to be had either: {context.coarse.trouble}")
        return rows

    def _all(self, context: Context, wanted: list[Container], problems: list[str]) -> list[list[str]]:
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES
        rows, seen = [], str(int(context.now))
        kills = self._killed is None or self._killed.lately(len(self._runs))
        for container in wanted:
            try:
                run = self._run(context, container)
                trouble = run.measure(seen, kills=kills)
            except (OSError, ValueError) as error:
                known = self._drop(container.id)
                if not isinstance(error, OSError) or error.errno not in GONE:
                    problems.append(f"{container.name}: {error}")
                elif known:
                    self.deaths += 1
                continue
            if trouble:
                problems.append(f"{container.name}: {trouble}")
            if run.cells.kills is not None:
                # The counter of the cgroup begins anew with each run; ours goes on over the runs that were seen.
                run.cells.put(OOM, str((context.ends or self._ends).read(container, run.cells.kills)))
            rows.append(run.cells.row)
            room -= run.size
            if room < 0:
                run.release()
        return rows

    def _tell_unread(self, context: Context, ends: Ends, everyone: Mapping[str, Container], out: Exposition) -> None:
        """The kills of those whose cgroup's own counter has gone, or cannot be read."""
        read = {key for key, (_, run) in self._runs.items() if run.cells.kills is not None}
        for gone in self._unread.keys() - (everyone.keys() - read):
            del self._unread[gone]
        for container in everyone.values():
            if container.id in read:
                continue
            known = self._unread.get(container.id)
            if known is None or known[0] is not container:
                start = prefix(OOM.family.name, labels_of(container, context.labels))
                known = self._unread[container.id] = (container, start)
            out.of(OOM.family).append(f"{known[1]}{ends.kills(container.id)}")

    def _run(self, context: Context, container: Container) -> Run:
        """The run that is open for this container, or a new one: after a restart, and when it was renamed."""
        known = self._runs.get(container.id)
        if known is not None:
            if known[0] is container and not known[1].due(context.now):
                return known[1]
            if _same(known[0], container):
                self._runs[container.id] = (container, known[1])
                known[1].update(container, context.now)
                return known[1]
            self._drop(container.id)
        assert self._layout is not None
        run = Run(context, container, self._layout, self._readings, self._table)
        self._runs[container.id] = (container, run)
        return run

    def _drop(self, container: str) -> bool:
        known = self._runs.pop(container, None)
        if known is not None:
            known[1].close()
        return known is not None


def _same(old: Container, new: Container) -> bool:
    """Whether it is the same run, with the same lines."""
    return (old.pid, old.started_at, old.name, old.image) == (new.pid, new.started_at, new.name, new.image) and (
        old.labels == new.labels
    )
