"""Ends and kills for lack of memory, counted from the World's changes rather than at scrapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector.ends import Ends
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from paramedic_collector.sources.container_state import ContainerState
from paramedic_core.model import Container, State
from paramedic_core.world import Engine, EngineStatus, World
from support_collector import ALONE, NOW, collect, container, paths, samples, tree, v2, world

HERE = Engine(EngineStatus.CONNECTED)


def run(number: int, **more: object) -> Container:
    """The container in its run of this number, which began and (by its facts) followed the end of the one before."""
    facts = {"pid": 100 + number, "started_at": NOW + 10 * number, "finished_at": NOW + 10 * number - 5} | more
    return replace(container(), **facts)  # type: ignore[arg-type]


def ended(number: int, *, oom: bool = False) -> Container:
    """The same run, ended."""
    return run(number, state=State.EXITED, pid=0, finished_at=NOW + 10 * number + 5, oom_killed=oom)


def told(context: Context, family: str) -> list[float]:
    found = samples(collect(Containers(), context) + collect(ContainerState(), context))
    return [value for key, value in found.items() if key.startswith(family + "{")]


def hear(ends: Ends, *containers: Container) -> World:
    now = world(containers, engine=HERE)
    ends.hear(now)
    return now


def test_ends_that_no_scrape_saw_count_each(tmp_path: Path) -> None:
    ends = Ends()
    now = hear(ends, run(0))
    for number in range(3):
        hear(ends, ended(number, oom=True))
        now = hear(ends, run(number + 1, oom_killed=number % 2 == 0))  # some engines keep the word in the next run
    context = Context(
        paths(tree(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu\n"})), NOW, now, settings=ALONE, ends=ends
    )
    assert told(context, "container_exits_total") == [3]
    assert told(context, "container_oom_events_total") == [3]
    # A run that ends otherwise adds no kill.
    now = hear(ends, ended(3))
    assert told(replace(context, world=now), "container_exits_total") == [4]
    assert told(replace(context, world=now), "container_oom_events_total") == [3]


def test_what_the_cgroup_and_the_engine_both_tell_counts_once(tmp_path: Path) -> None:
    ends, source = Ends(), Containers()
    now = hear(ends, run(0))
    root = tree(tmp_path, v2(run(0), oom=2))
    context = Context(paths(root), NOW, now, settings=ALONE, ends=ends)
    found = samples(collect(source, context))
    assert [v for key, v in found.items() if "oom_events" in key] == [2]
    now = hear(ends, ended(0, oom=True))
    for _ in range(2):
        found = samples(collect(source, replace(context, world=now)))
        assert [v for key, v in found.items() if "oom_events" in key] == [2]
    now = hear(ends, run(1))
    found = samples(collect(source, replace(context, world=now, paths=paths(tree(tmp_path, v2(run(1), oom=1))))))
    assert [v for key, v in found.items() if "oom_events" in key] == [3]
    source.close()


def test_the_engines_word_may_come_after_the_end() -> None:
    ends, key = Ends(), run(0).id
    hear(ends, run(0))
    hear(ends, ended(0))
    assert (ends.exits(key), ends.kills(key)) == (1, 0)
    for _ in range(2):
        hear(ends, ended(0, oom=True))
        assert (ends.exits(key), ends.kills(key)) == (1, 1)
    hear(ends, run(1, finished_at=NOW + 5, oom_killed=True))
    hear(ends, run(1, finished_at=NOW + 5, oom_killed=True, failing_streak=1))
    assert (ends.exits(key), ends.kills(key)) == (1, 1), "some engines keep the word in the next run"


@pytest.mark.parametrize("state", [State.CREATED, State.EXITED])
def test_the_series_is_there_from_the_first_sight(state: State, tmp_path: Path) -> None:
    ends = Ends()
    now = hear(ends, replace(container(), state=state, pid=0, finished_at=NOW, oom_killed=True))
    context = Context(
        paths(tree(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu\n"})), NOW, now, settings=ALONE, ends=ends
    )
    assert told(context, "container_oom_events_total") == [0], "it was before our time"
    assert told(context, "container_exits_total") == [0]


@pytest.mark.parametrize(
    ("born", "alive", "restarts", "exits"), [(1, False, 0, 1), (1, True, 2, 2), (-1, False, 0, 0), (-1, True, 2, 0)]
)
def test_one_that_came_and_ended_at_once_counts(born: int, alive: bool, restarts: int, exits: int) -> None:
    ends = Ends()
    hear(ends)
    first = ended(0, oom=True) if not alive else run(0, oom_killed=True)
    first = replace(first, created_at=NOW + born, restarts=restarts)
    hear(ends, first)
    assert ends.exits(first.id) == exits
    assert ends.kills(first.id) == (exits > 0)


def test_restarts_that_follow_one_another_faster_than_the_world_count() -> None:
    ends = Ends()
    hear(ends, run(0))
    hear(ends, run(1, restarts=3))
    assert ends.exits(run(0).id) == 3
    hear(ends, run(1, restarts=3, failing_streak=2))
    assert ends.exits(run(0).id) == 3, "another change is no end"


def test_what_is_gone_is_forgotten() -> None:
    ends = Ends()
    for number in range(1, 200):
        hear(ends, container(f"c{number}", number))
    assert len(ends._courses) == 1
    hear(ends)
    assert not ends._courses
