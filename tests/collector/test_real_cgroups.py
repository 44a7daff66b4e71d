"""Real cgroups of this machine, with a real process in each: numbers, deaths, descriptors, and all of it without rights."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_core.codec import to_plain
from paramedic_core.sys.identity import GID, UIDS
from paramedic_core.world import Engine
from support_cgroups import Group, can_make
from support_cgroups import groups as make
from support_collector import ALONE, NOW, collect, samples, world
from support_descriptors import held_below
from support_wait import wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def groups() -> Iterator[list[Group]]:
    if not can_make():
        pytest.skip("cgroups can only be made by root, where /sys/fs/cgroup can be written")
    with make(3) as made:
        yield made


def _names(text: str) -> set[str]:
    return {key.partition("{")[0] for key in samples(text)}


def test_numbers_come_from_the_kernel(groups: list[Group]) -> None:
    source = Containers()
    text = collect(source, Context(now=NOW, world=world([g.container for g in groups]), settings=ALONE))
    assert {
        "container_cpu_usage_seconds_total", "container_cpu_user_seconds_total", "container_memory_usage_bytes",
        "container_memory_working_set_bytes", "container_memory_rss", "container_spec_memory_limit_bytes",
    } <= _names(text)  # fmt: skip
    source.close()


def test_memory_is_that_of_each(groups: list[Group]) -> None:
    source, context = Containers(), Context(now=NOW, world=world([g.container for g in groups]), settings=ALONE)

    def usage() -> list[float]:
        found = samples(collect(source, context))
        return [value for key, value in found.items() if key.startswith("container_memory_usage_bytes")]

    wait_until(lambda: len(usage()) == 3 and all(value > 0 for value in usage()))
    source.close()


def test_a_death_is_seen_once_and_leaves_nothing_open(groups: list[Group]) -> None:
    source = Containers()
    context = Context(now=NOW, world=world([g.container for g in groups]), settings=ALONE)
    assert len({key.partition('id="')[2] for key in samples(collect(source, context))}) >= 3
    groups[0].end()
    for _ in range(3):  # the World still says that it runs
        text = collect(source, context)
        assert groups[0].id not in text
        assert groups[1].id in text
    assert source.deaths == 1
    parents = {folder.parent for group in groups for folder in group.folders}
    assert any(map(held_below, parents))
    source.close()
    assert not any(map(held_below, parents))


def test_a_removed_cgroup_is_noticed_on_a_held_descriptor(groups: list[Group]) -> None:
    """The process lives on elsewhere, as when its number is another's by now: ENODEV tells."""
    source, group = Containers(), groups[0]
    context = Context(now=NOW, world=world([group.container]), settings=ALONE)
    assert collect(source, context)
    for folder in group.folders:
        (folder.parents[1] / "cgroup.procs").write_text(str(group.container.pid))
        folder.rmdir()
    assert collect(source, context) == ""
    assert source.deaths == 1
    source.close()


_WITHOUT_RIGHTS = """
import json, os, sys
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from paramedic_core.codec import from_plain
from paramedic_core.settings import CollectorSettings
from paramedic_core.sys.processes import drop_rights
from paramedic_core.world import World
given = from_plain(World, json.load(sys.stdin))
scraper = Scraper(lambda: Context(now=1.0, world=given, settings=CollectorSettings(docker_only=True)))
drop_rights(int(sys.argv[1]), int(sys.argv[2]), ())
assert os.geteuid() == int(sys.argv[1])
text = scraper.scrape()
print(json.dumps({"text": text, "errors": scraper.errors}))
"""


def test_everything_works_with_the_collectors_uid_and_no_capability(groups: list[Group], tmp_path: Path) -> None:
    layers = tmp_path / "docker"
    layers.mkdir(mode=0o700)  # as Docker's own, which only root may enter
    engine = Engine(root_dir=str(layers))
    given = json.dumps(to_plain(world([g.container for g in groups], engine=engine)))
    command = [sys.executable, "-c", _WITHOUT_RIGHTS, str(UIDS["collector"]), str(GID)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True)
    answer = json.loads(done.stdout)
    assert answer["errors"] == {}
    found = samples(answer["text"])
    assert sum(key.startswith("container_memory_rss") for key in found) == 3
    assert sum(key.startswith("container_cpu_usage_seconds_total") for key in found) == 3
    assert all(value == 1 for key, value in found.items() if "collector_success" in key)
    assert any(key.startswith("node_network_receive_bytes_total") for key in found)
    assert any(key.startswith("node_filesystem_size_bytes") for key in found)
    assert sum(key.startswith("container_fs_limit_bytes") for key in found) == 3
