"""What containers cost the collector: real cgroups, a sleeping process in each.

`cost`: CPU time a container of one collection and rendering, with 10, 50 and 200 cgroups, descriptors held against the same
files opened, read and closed each time, against the bare reads, and with every file changed, arms in turns. `hang`: all sources with 200 cgroups while a mount hangs (a FUSE
file system that never answers). `churn`: cgroups that appear and die, 5 a second for ten minutes: descriptors, memory, series,
and whether each death is seen once. Needs root, and /sys/fs/cgroup that can be written.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

import paramedic_collector.group
from paramedic_collector.cadvisor import SLOTS
from paramedic_collector.exposition import Exposition, render
from paramedic_collector.run import Run
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_collector.sources.container_state import ContainerState
from support_cgroups import Group, can_make, groups, parent
from support_collector import ALONE, world
from support_hang import hung_mount


class Arms:
    """The ways in which the same containers are measured, in turns.

    Args:
        made: the cgroups.
        times: collections a turn.
    """

    def __init__(self, made: list[Group], times: int) -> None:
        self.source, self._times, self._scrape = Containers(), times, 0
        self._count, self._began = len(made), time.time()
        self._world = world([g.container for g in made])
        self.text = self._collect()
        self.system = 0.0
        """The kernel's share of the last turn."""

    def held(self) -> float:
        """As it is."""
        return self._turn(self._collect)

    def opened(self) -> float:
        """With nothing kept open."""

        def collect() -> None:
            self._collect()
            for run in self._runs():
                run.release()

        return self._turn(collect)

    def changed(self) -> float:
        """As if each file said something new: all are read and read into the rows, all columns are made."""

        def collect() -> None:
            for run in self._runs():
                for file in run._files:  # noqa: SLF001
                    file.last = None
            self.source._table.dirty.update(range(len(SLOTS)))  # noqa: SLF001
            self._collect()

        return self._turn(collect)

    def reads(self) -> float:
        """The reads alone that `held` makes."""
        made: list[tuple[int, int]] = []

        def note(fd: int, size: int, offset: int) -> bytes:
            made.append((fd, size))
            return os.pread(fd, size, offset)

        with patch.object(paramedic_collector.group, "pread", note):
            self._collect()

        def collect() -> None:
            for fd, size in made:
                os.pread(fd, size, 0)
            for run in self._runs():
                fd = os.open("net/dev", os.O_RDONLY | os.O_CLOEXEC, dir_fd=run._process)  # noqa: SLF001
                os.read(fd, 65536)
                os.close(fd)

        return self._turn(collect)

    def limits(self) -> float:
        """What is read once a minute, beside the rest."""

        def collect() -> None:
            for run in self._runs():
                run.refresh(self._began)

        return self._turn(collect)

    def _collect(self) -> str:
        # Each scrape is later than the one before it; never a minute, for limits have an arm of their own.
        self._scrape += 1
        out = Exposition()
        self.source.collect(Context(now=self._began + self._scrape % 50, world=self._world, settings=ALONE), out)
        return render([out])

    def _runs(self) -> list[Run]:
        return [run for _, run in self.source._runs.values()]  # noqa: SLF001

    def _turn(self, collect: Callable[[], object]) -> float:
        """Microseconds of CPU a container, of one collection."""
        began, system = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
        for _ in range(self._times):
            collect()
        took = time.process_time() - began
        self.system = (resource.getrusage(resource.RUSAGE_SELF).ru_stime - system) / took
        return took / self._times / self._count * 1e6


def cost(args: argparse.Namespace) -> int:
    print(
        "| cgroups | held, µs of CPU a container | of it the kernel | opened each time | held ÷ opened | all files changed"
        " | the same reads alone | limits, once a minute | bytes a container | series |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    held_all = {}
    for count in (10, 50, 200):
        with groups(count) as made:
            arms = Arms(made, max(10, args.scrapes // count))
            held, kernel, opened, changed, reads, limits = [], [], [], [], [], []
            for _ in range(args.rounds):
                held.append(arms.held())
                kernel.append(arms.system)
                reads.append(arms.reads())
                changed.append(arms.changed())
                limits.append(arms.limits())
                opened.append(arms.opened())
                arms.changed()  # opens them again
            arms.source.close()
            series = sum(not line.startswith("#") for line in arms.text.splitlines())
            middle = held_all[count] = statistics.median(held)
            print(
                f"| {count} | {middle:.1f} ({min(held):.1f}–{max(held):.1f}) | {statistics.median(kernel) * middle:.0f}"
                f" | {statistics.median(opened):.1f}"
                f" | {statistics.median(h / o for h, o in zip(held, opened, strict=True)):.2f}"
                f" | {statistics.median(changed):.1f} | {statistics.median(reads):.1f} | {statistics.median(limits):.0f}"
                f" | {len(arms.text) / count:,.0f} | {series / count:.0f} |",
                flush=True,
            )
    print(f"200 cgroups a container ÷ 10: {held_all[200] / held_all[10]:.2f} (1: linear)")
    return 0


def hang(args: argparse.Namespace) -> int:
    # Not below /tmp: the mount must be one that is looked at, as a dead NFS mount is.
    point = Path(tempfile.gettempdir()) / f"paramedic-hung-{os.getpid()}"
    with groups(args.cgroups) as made, hung_mount(point):
        given = world([g.container for g in made])
        scraper = Scraper(lambda: Context(now=time.time(), world=given))
        scraper.scrape()
        walls = []
        for _ in range(args.scrapes):
            began = time.perf_counter()
            text = scraper.scrape(openmetrics=True)
            walls.append((time.perf_counter() - began) * 1000)
            time.sleep(0.05)
        seen = f'mountpoint="{point}"' in text and "mountpoint timeout" in text
        scraper.close()
    walls.sort()
    print(f"{args.cgroups} cgroups, one mount that hangs (seen: {seen}), {args.scrapes} scrapes of all sources:")
    print(
        f"median {walls[len(walls) // 2]:.1f} ms, p99 {walls[len(walls) * 99 // 100]:.1f} ms, most {walls[-1]:.1f} ms; goal: p99 < 100 ms"
    )
    return 0 if seen else 1


def churn(args: argparse.Namespace) -> int:
    source, state = Containers(), ContainerState()
    luck, alive, ended, by_world, series = random.Random(1), list[Group](), 0, 0, 0
    with parent() as name:
        began, rows = time.monotonic(), []
        try:
            for second in range(args.seconds):
                luck.shuffle(alive)
                # Those that were measured at least once; the newborn come after.
                dying = [alive.pop() for _ in range(min(args.rate, max(0, len(alive) - args.alive)))]
                alive += [Group(name) for _ in range(args.rate)]
                told = dying[: luck.randint(0, len(dying))]  # of these the World tells first
                for group in dying:
                    group.end()
                ended, by_world = ended + len(dying), by_world + len(told)
                gone = {g.id for g in told}
                context = Context(
                    now=time.time(),
                    world=world([g.container for g in alive + dying if g.id not in gone]),
                    settings=ALONE,
                )
                out = Exposition()
                source.collect(context, out)
                state.collect(context, out)
                series = sum(item.count("\n") + 1 for lines in out.lines.values() for item in lines)
                if second % max(1, args.seconds // 10) == max(1, args.seconds // 10) - 1:
                    rows.append(
                        (
                            second + 1,
                            ended,
                            by_world,
                            source.deaths,
                            len(os.listdir("/proc/self/fd")),
                            resident(),
                            series,
                        )
                    )
                time.sleep(max(0.0, began + second + 1 - time.monotonic()))
        finally:
            for group in alive:
                group.end()
    print(
        "| second | died | of these the World told first | seen by a read | descriptors | resident, KiB | series |\n|---|---|---|---|---|---|---|"
    )
    for row in rows:
        print("| " + " | ".join(f"{n:,}" for n in row) + " |")
    good = source.deaths == ended - by_world
    print(f"each death seen once: {good} ({source.deaths} by reads + {by_world} by the World = {ended})")
    source.close()
    return 0 if good else 1


def resident() -> int:
    """KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


ARMS: Mapping[str, Callable[[argparse.Namespace], int]] = {"cost": cost, "hang": hang, "churn": churn}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", nargs="*", metavar="ARM", help="which; cost and hang unless given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scrapes", type=int, default=1000)
    parser.add_argument("--cgroups", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=int, default=5, help="births, and deaths, a second")
    parser.add_argument("--alive", type=int, default=20)
    args = parser.parse_args()
    if not can_make():
        print("left out: cgroups can only be made by root, where /sys/fs/cgroup can be written", file=sys.stderr)
        return 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max([ARMS[name](args) for name in args.arm or ("cost", "hang")])


if __name__ == "__main__":
    sys.exit(main())
