"""Files of a cgroup that are not read since they must say what they said before, and columns that are not made anew."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from paramedic_collector import cadvisor as c
from paramedic_collector.cells import Cells, Table
from paramedic_collector.exposition import Exposition, render
from paramedic_collector.files import read
from paramedic_collector.net import LONGEST
from paramedic_collector.oomkills import OomKills
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from support_cgroups import Group, can_make, groups, parent
from support_collector import ALONE, NOW, collect, container, paths, samples, tree, v1, world
from support_wait import wait_until

_NONE = "9223372036854771712"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The tree of one container under cgroup v1."""
    one = container()
    members = v1(one)[f"proc/{one.pid}/cgroup"]
    assert isinstance(members, str)
    return tree(tmp_path, {**v1(one), f"proc/{one.pid}/cgroup": f"7:blkio:/docker/{one.id}\n{members}"})


def _value(source: Containers, root: Path, family: str, now: float = NOW) -> float:
    found = samples(collect(source, Context(paths(root), now, world([container()]), settings=ALONE)))
    return next(value for key, value in found.items() if key.startswith(f"{family}{{"))


def _write(root: Path, controller: str, name: str, text: str) -> None:
    tree(root, {f"sys/fs/cgroup/{controller}/docker/{container().id}/{name}": text})


def test_the_ticks_are_read_when_the_usage_has_changed(here: Path) -> None:
    source, family = Containers(), "container_cpu_user_seconds_total"
    assert _value(source, here, family) == 2
    _write(here, "cpu,cpuacct", "cpuacct.stat", "user 300\nsystem 50\n")
    assert _value(source, here, family) == 2
    _write(here, "cpu,cpuacct", "cpuacct.usage", "3500000000\n")
    assert _value(source, here, family) == 3
    source.close()


def test_bytes_of_block_io_are_read_when_the_requests_have_changed(here: Path) -> None:
    source, family = Containers(), "container_blkio_device_usage_total"
    for name, number in (("io_service_bytes", 4096), ("io_serviced", 1)):
        _write(here, "blkio", f"blkio.throttle.{name}_recursive", f"8:0 Read {number}\nTotal {number}\n")
    assert _value(source, here, family) == 4096
    _write(here, "blkio", "blkio.throttle.io_service_bytes_recursive", "8:0 Read 8192\nTotal 8192\n")
    assert _value(source, here, family) == 4096
    _write(here, "blkio", "blkio.throttle.io_serviced_recursive", "8:0 Read 2\nTotal 2\n")
    assert _value(source, here, family) == 8192
    source.close()


def test_what_follows_a_file_that_cannot_be_read_is_read(here: Path) -> None:
    source, family = Containers(), "container_cpu_user_seconds_total"
    assert _value(source, here, family) == 2
    _write(here, "cpu,cpuacct", "cpuacct.usage", "nonsense\n")
    _write(here, "cpu,cpuacct", "cpuacct.stat", "user 300\nsystem 50\n")
    assert _value(source, here, family) == 3
    source.close()


def test_hits_of_the_limit_are_read_where_there_is_one(here: Path) -> None:
    source, family = Containers(), "container_memory_failcnt"
    stat = "total_rss 1\nhierarchical_memory_limit {}\n"
    _write(here, "memory", "memory.stat", stat.format(_NONE))
    _write(here, "memory", "memory.failcnt", "0\n")
    assert _value(source, here, family) == 0
    _write(here, "memory", "memory.failcnt", "3\n")
    assert _value(source, here, family) == 0
    _write(here, "memory", "memory.stat", stat.format(1 << 20))
    assert _value(source, here, family) == 3
    _write(here, "memory", "memory.failcnt", "4\n")
    assert _value(source, here, family) == 4
    source.close()


def test_without_a_word_of_limits_their_hits_are_read(here: Path) -> None:
    source, family = Containers(), "container_memory_failcnt"
    for hits in (0, 3):
        _write(here, "memory", "memory.failcnt", f"{hits}\n")
        assert _value(source, here, family) == hits
    source.close()


def test_a_kill_makes_two_scrapes_look(tmp_path: Path) -> None:
    kills = OomKills(paths(tmp_path))
    said = []
    for count in (5, 5, 5, 5, 6, 6, 6):
        tree(tmp_path, {"proc/vmstat": f"pgfault 1\noom_kill {count}\npswpin 0\n"})
        said.append(kills.lately(200))
    assert said == [True, True, False, False, True, True, False]
    assert kills.lately(2), "two containers are asked themselves"
    assert [kills.lately(200) for _ in range(3)] == [True, True, False]
    kills.close()


@pytest.mark.parametrize("files", [{}, {"proc/vmstat": "pgfault 1\n"}])
def test_where_no_kills_are_counted_all_are_asked(tmp_path: Path, files: dict[str, str]) -> None:
    kills = OomKills(paths(tree(tmp_path, {"proc/self": "", **files})))
    assert all(kills.lately(200) for _ in range(4))
    kills.close()


@pytest.mark.root
def test_a_real_kill_among_many_is_seen() -> None:
    if not can_make():
        pytest.skip("cgroups can only be made by root, where /sys/fs/cgroup can be written")
    with groups(40) as made, parent() as name:
        # The shell goes on when the kernel has killed its child, the largest.
        hungry = Group(name, "while :; do tail /dev/zero; sleep 0.1; done")
        try:
            source = Containers()
            given = world([g.container for g in [*made, hungry]])

            def kills() -> float:
                found = samples(collect(source, Context(now=NOW, world=given, settings=ALONE)))
                return sum(v for k, v in found.items() if k.startswith("container_oom_events_total"))

            for folder in hungry.folders:
                for limit in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max"):
                    if (folder / limit).exists():
                        (folder / limit).write_text(str(8 << 20))
            wait_until(lambda: kills() >= 3, within=30)
        finally:
            hungry.end()
        source.close()


def test_a_table_tells_what_its_rows_say_whatever_changed() -> None:
    luck, table = random.Random(5), Table()
    every = [Cells({"id": str(number)}, table.dirty) for number in range(6)]
    slots = (c.RSS, c.CACHE, c.FAULTS, c.ALL_FAULTS, c.THREADS)
    for _ in range(300):
        for cells in luck.sample(every, luck.randrange(4)):
            what = luck.randrange(8)
            if what == 0:
                cells.reset()
            elif what == 1:
                cells.clear(luck.choice(slots))
            elif what == 2:
                values = [((name,), str(luck.randrange(2))) for name in luck.sample(("a", "b"), luck.randrange(3))]
                cells.put_each(c.READS, ("device",), values)
            else:
                cells.put(luck.choice(slots), str(luck.randrange(3)))
        shown = every if luck.randrange(3) else luck.sample(every, luck.randrange(6))
        told, fresh = Exposition(), Exposition()
        table.write([cells.row for cells in shown], told)
        Table().write([cells.row for cells in shown], fresh)
        assert render([told]) == render([fresh])


@pytest.mark.parametrize("size", [0, 1, 4096 - LONGEST - 1, 4096 - LONGEST, 4096 - LONGEST + 1, 4096, 70_000])
def test_a_table_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    file = tmp_path / "table"
    file.write_bytes(b"x" * size)
    assert read(str(file), row=LONGEST) == b"x" * size


def test_a_table_of_several_pages_is_read_to_its_end() -> None:
    # The kernel gives it a page at a time; its rows are short.
    whole = read("/proc/self/smaps")
    assert len(whole) > 2 * 4096
    assert len(read("/proc/self/smaps", row=LONGEST)) > 2 * 4096
