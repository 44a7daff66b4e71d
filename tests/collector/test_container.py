"""Containers from recorded cgroup trees of both versions."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector.exposition import Exposition
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_collector.sources.container_state import ContainerState
from paramedic_core.model import Container, State
from support_collector import ALONE, NET, NOW, collect, container, paths, process, samples, tree, v1, v2, world
from support_descriptors import held_below

FAMILIES = {
    "container_cpu_usage_seconds_total", "container_cpu_user_seconds_total", "container_cpu_system_seconds_total",
    "container_memory_usage_bytes", "container_memory_working_set_bytes", "container_memory_rss",
    "container_memory_cache", "container_spec_memory_limit_bytes", "container_oom_events_total",
    "container_last_seen", "container_start_time_seconds", "container_memory_total_inactive_file_bytes",
    *(f"container_network_{way}_{what}_total" for way in ("receive", "transmit")
      for what in ("bytes", "packets", "errors", "packets_dropped")),
}  # fmt: skip


def values(text: str) -> dict[str, float]:
    """Family → value, of one container."""
    return {key.partition("{")[0]: value for key, value in samples(text).items()}


@pytest.mark.parametrize("version", [v1, v2])
def test_both_versions_give_the_same_families_and_values(version: object, tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, version(c))  # type: ignore[operator]
    source = Containers()
    for now in (NOW, NOW + 15):
        found = values(collect(source, Context(paths(root), now, world([c]))))
        assert found.keys() >= FAMILIES
        assert found["container_cpu_usage_seconds_total"] == 2.5
        assert found["container_cpu_user_seconds_total"] == 2
        assert found["container_cpu_system_seconds_total"] == 0.5
        assert found["container_memory_usage_bytes"] == 1_000_000
        assert found["container_memory_working_set_bytes"] == 750_000
        assert found["container_memory_rss"] == 300_000
        assert found["container_memory_cache"] == 600_000
        assert found["container_spec_memory_limit_bytes"] == 0
        assert found["container_network_receive_bytes_total"] == 3_000_000
        assert found["container_network_transmit_packets_dropped_total"] == 4
        assert found["container_last_seen"] == now
        assert found["container_start_time_seconds"] == NOW - 60
    source.close()


def test_labels_are_cadvisors(tmp_path: Path) -> None:
    c = container(labels={"com.docker.compose.service": "web", "other": "x"})
    found = samples(collect(Containers(), Context(paths(tree(tmp_path, v1(c))), NOW, world([c]))))
    service, rest = 'container_label_com_docker_compose_service="web",', f'id="/docker/{c.id}",image="busybox:1",'
    assert f'container_memory_rss{{{service}{rest}name="web"}}' in found
    assert f'container_cpu_usage_seconds_total{{{service}cpu="total",{rest}name="web"}}' in found
    assert f'container_network_receive_bytes_total{{{service}{rest}interface="eth0",name="web"}}' in found


def test_only_what_runs_has_series(tmp_path: Path) -> None:
    stopped = container("stopped", 2, state=State.EXITED, pid=0)
    c = container()
    root = tree(tmp_path, v2(c))
    found = samples(collect(Containers(), Context(paths(root), NOW, world([c, stopped]))))
    assert found
    assert not any("stopped" in key for key in found)


def test_a_process_number_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, {**v2(c), **process(c, "0::/user.slice/somebody")})
    source = Containers()
    out = Exposition()
    source.collect(Context(paths(root), NOW, world([c])), out)
    assert not out.lines
    assert out.problem == ""  # to have ended is no error


def test_a_limit_is_shown_and_the_working_set_is_never_negative(tmp_path: Path) -> None:
    c = container()
    base = f"sys/fs/cgroup/system.slice/docker-{c.id}.scope"
    root = tree(tmp_path, {**v2(c), f"{base}/memory.max": "67108864\n", f"{base}/memory.current": "1000\n"})
    found = values(collect(Containers(), Context(paths(root), NOW, world([c]))))
    assert found["container_spec_memory_limit_bytes"] == 67108864
    assert found["container_memory_working_set_bytes"] == 0


def test_without_the_memory_controller_the_rest_is_there(tmp_path: Path) -> None:
    c = container()
    files = {name: text for name, text in v2(c).items() if "/memory." not in name}
    found = values(collect(Containers(), Context(paths(tree(tmp_path, files)), NOW, world([c]))))
    assert {name for name in FAMILIES if "memory" not in name and "oom" not in name} <= found.keys()
    assert not any("memory" in name or "oom" in name for name in found)


def test_the_network_of_another_container_is_counted_there(tmp_path: Path) -> None:
    c = container("sidecar", network_mode="container:" + "ef" * 32)
    found = values(collect(Containers(), Context(paths(tree(tmp_path, v2(c))), NOW, world([c]))))
    assert not any("network" in name for name in found)


def test_oom_kills_are_summed_over_the_runs(tmp_path: Path) -> None:
    source = Containers()
    totals = []
    for pid, started, kills in ((101, 1.0, 0), (101, 1.0, 2), (102, 2.0, 2), (103, 3.0, 1), (103, 3.0, 1)):
        c = container(pid=pid, started_at=started)
        root = tree(tmp_path, v2(c, oom=kills))
        found = values(collect(source, Context(paths(root), NOW, world([c]))))
        totals.append(found["container_oom_events_total"])
    assert totals == [0, 2, 4, 5, 5]
    source.close()


def test_a_run_that_an_oom_kill_ended_counts_although_nobody_could_read_it(tmp_path: Path) -> None:
    source = Containers()
    totals = []
    for started, finished, oom_killed in ((1.0, 0.0, False), (2.0, 1.5, True), (3.0, 2.5, True), (4.0, 3.5, False)):
        c = container(started_at=started, finished_at=finished, oom_killed=oom_killed)
        found = values(collect(source, Context(paths(tree(tmp_path, v2(c))), NOW, world([c]))))
        totals.append(found["container_oom_events_total"])
    assert totals == [0, 1, 2, 2]
    source.close()


def test_block_io_of_v1_by_device(tmp_path: Path) -> None:
    c, base = container(), "sys/fs/cgroup/blkio"
    rows = "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 0\n8:0 Total 12288\n7:9 Read 1\nTotal 12289\n"
    files = {
        f"{base}/docker/{c.id}/blkio.throttle.io_service_bytes_recursive": rows,
        f"{base}/docker/{c.id}/blkio.throttle.io_serviced_recursive": "8:0 Read 3\n8:0 Write 5\nTotal 8\n",
        "sys/dev/block/8:0/uevent": "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n",
    }
    made = v1(c)
    members = made[f"proc/{c.pid}/cgroup"]
    assert isinstance(members, str)
    root = tree(tmp_path, {**made, **files, f"proc/{c.pid}/cgroup": f"7:blkio:/docker/{c.id}\n{members}"})
    text = collect(Containers(), Context(paths(root), NOW, world([c])))
    own = f'id="/docker/{c.id}",image="busybox:1"'
    found = samples(text)
    total = f'container_blkio_device_usage_total{{device="/dev/sda",{own},major="8",minor="0",name="web",operation="Total"}}'
    assert found[total] == 12288
    # sysfs does not know its name
    assert f'{{device="",{own},major="7",minor="9",name="web",operation="Read"}} 1' in text
    assert {k: v for k, v in found.items() if "_fs_" in k} == {
        f'container_fs_{name}{{device="/dev/sda",{own},name="web"}}': value
        for name, value in (
            ("reads_bytes_total", 4096), ("writes_bytes_total", 8192), ("reads_total", 3), ("writes_total", 5),
        )
    }  # fmt: skip


def test_the_root_and_the_cgroups_below_it_are_measured_too(tmp_path: Path) -> None:
    stat = "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n"
    files = {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        "sys/fs/cgroup/cpu.stat": stat,
        "sys/fs/cgroup/memory.stat": "anon 1\nfile 2\ninactive_file 4096\n",
        "sys/fs/cgroup/system.slice/cpu.stat": stat,
        "sys/fs/cgroup/empty/nothing": "",
        "proc/meminfo": "MemTotal:  1000 kB\nMemFree:  600 kB\nHugePages_Total: 0\n",
        "proc/1/net/dev": NET,
    }
    source, context = Containers(), Context(paths(tree(tmp_path, files)), NOW)
    found = samples(collect(source, context))
    assert found['container_cpu_usage_seconds_total{cpu="total",id="/system.slice",image="",name=""}'] == 3
    assert found['container_memory_working_set_bytes{id="/",image="",name=""}'] == 400 * 1024 - 4096
    assert found['container_network_receive_bytes_total{id="/",image="",interface="eth0",name=""}'] == 3_000_000
    assert not any("/empty" in key for key in found)
    shutil.rmtree(tmp_path / "sys/fs/cgroup/system.slice")
    found = samples(collect(source, replace(context, now=NOW + 61)))
    assert any('id="/"' in key for key in found)
    assert not any("system.slice" in key for key in found)
    source.close()
    assert collect(Containers(), replace(context, settings=ALONE)) == ""


def test_a_rename_is_followed_and_no_descriptor_is_lost(tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, v2(c))
    source = Containers()
    collect(source, Context(paths(root), NOW, world([c])))
    before = len(held_below(tmp_path))
    text = collect(source, Context(paths(root), NOW, world([container("renamed")])))
    assert 'name="renamed"' in text
    assert 'name="web"' not in text
    assert len(held_below(tmp_path)) == before == 5
    collect(source, Context(paths(root), NOW, world([])))
    assert not held_below(tmp_path)
    assert source.running == 0


def test_with_few_descriptors_left_none_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _kind: (256, 256))
    c = container()
    root = tree(tmp_path, v2(c))
    source = Containers()
    for _ in range(2):
        assert values(collect(source, Context(paths(root), NOW, world([c])))).keys() >= FAMILIES
        assert len(held_below(tmp_path)) == 1  # the process's folder
    source.close()


def test_a_proc_that_is_not_the_hosts_is_said_so(tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, {name: text for name, text in v2(c).items() if not name.startswith("proc/")})
    source, problems = Containers(), []
    for _ in range(4):
        out = Exposition()
        source.collect(Context(paths(root), NOW, world([c])), out)
        problems.append(out.problem)
    assert problems[:2] == ["", ""]  # it may just have ended
    assert problems[2] == problems[3]
    assert "hidepid" in problems[2]
    tree(tmp_path, v2(c))
    out = Exposition()
    source.collect(Context(paths(root), NOW, world([c])), out)
    assert out.lines
    assert out.problem == ""
    source.close()


def test_without_a_world_there_is_nothing_and_no_error() -> None:
    out = Exposition()
    Containers().collect(Context(now=NOW, settings=ALONE), out)
    assert not out.lines
    assert out.problem == ""


def test_coming_and_going_leaves_nothing_behind(tmp_path: Path) -> None:
    source, state = Containers(), ContainerState()
    alive: list[Container] = []
    for number in range(1, 200):
        c = container(f"c{number}", number)
        tree(tmp_path, v2(c))
        alive = [*alive[-4:], c]
        context = Context(paths(tmp_path), NOW + number, world(alive))
        text = collect(source, context) + collect(state, context)
        ids = {key.partition('id="')[2][:72] for key in samples(text)}
        assert ids == {f"/docker/{c.id}" for c in alive}
    assert source.running == len(source._ends._courses) == len(state._known) == len(alive) == 5
    assert len(held_below(tmp_path)) == 5 * 5
    source.close()
    assert not held_below(tmp_path)
