"""The busiest processes of each container."""

from __future__ import annotations

from pathlib import Path

from paramedic_collector.source import Context
from paramedic_collector.sources.container_processes import ContainerProcesses
from paramedic_core.settings import CollectorSettings
from support_collector import NOW, collect, container, paths, samples, tree, v2, world

TOP = CollectorSettings(container_processes=2)


def _stat(pid: int, name: str, user: int, system: int, pages: int) -> dict[str, str]:
    return {
        f"proc/{pid}/stat": f"{pid} ({name}) S 1 1 1 0 -1 4194560 1 0 0 0 {user} {system} 0 0 20 0 1 0 {pid * 7} 1000 {pages} 0\n"
    }


def _rows(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for key, value in samples(text).items():
        name = key.partition("{")[0].removeprefix("container_")
        found[name, key.partition('process="')[2].partition('"')[0]] = value
    return found


def test_those_that_took_most_since_the_last_scrape(tmp_path: Path) -> None:
    c = container()
    procs = {f"sys/fs/cgroup/system.slice/docker-{c.id}.scope/cgroup.procs": "201\n202\n203\n299\n"}
    files = {
        **v2(c),
        **procs,
        **_stat(201, "old) (odd", 900, 100, 10),
        **_stat(202, "b", 50, 0, 20),
        **_stat(203, "c", 1, 0, 30),
    }
    root, source = tree(tmp_path, files), ContainerProcesses()
    first = _rows(collect(source, Context(paths(root), NOW, world([c]), settings=TOP)))
    assert first == {
        ("processes", ""): 4,
        ("process_cpu_seconds_total", "old) (odd"): 10, ("process_resident_memory_bytes", "old) (odd"): 40960,
        ("process_cpu_seconds_total", "b"): 0.5, ("process_resident_memory_bytes", "b"): 81920,
    }  # fmt: skip
    tree(tmp_path, {**_stat(202, "b", 51, 0, 20), **_stat(203, "c", 400, 1, 30)})
    second = _rows(collect(source, Context(paths(root), NOW + 15, world([c]), settings=TOP)))
    assert {name for _, name in second} == {"", "b", "c"}
    assert second["process_cpu_seconds_total", "c"] == 4.01


def test_off_unless_asked_for_and_no_error_for_what_has_ended(tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, v2(c))
    assert collect(ContainerProcesses(), Context(paths(root), NOW, world([c]))) == ""
    assert (
        collect(ContainerProcesses(), Context(paths(root), NOW, world([c, container("gone", 9)]), settings=TOP)) == ""
    )
