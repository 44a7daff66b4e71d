"""What the World says of containers, as metrics."""

from __future__ import annotations

import pytest

from paramedic_collector.source import Context
from paramedic_collector.sources.container_state import ContainerState
from paramedic_core.model import Container, EndedBy, Ending, Health, State
from support_collector import NOW, collect, container, samples, world


def values(*containers: Container, labels: tuple[str, ...] = ()) -> dict[str, float]:
    return samples(collect(ContainerState(), Context(now=NOW, world=world(containers), labels=labels)))


def of(c: Container, family: str, more: str = "") -> str:
    return f'{family}{{id="/docker/{c.id}",image="{c.image}",name="{c.name}"{more}}}'


@pytest.mark.parametrize("state", [s for s in State if s is not State.UNKNOWN])
def test_one_state_is_1_and_the_others_0(state: State) -> None:
    c = container(state=state)
    found = {key: value for key, value in values(c).items() if key.startswith("container_state{")}
    assert found.pop(of(c, "container_state", f',state="{state}"')) == 1
    assert set(found.values()) == {0}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("health", "value"), [(Health.HEALTHY, 1), (Health.NONE, -1), (Health.UNHEALTHY, 0), (Health.STARTING, 0)]
)
def test_health_has_cadvisors_values(health: Health, value: int) -> None:
    c = container(health=health, failing_streak=4)
    assert values(c)[of(c, "container_health_state")] == value
    assert values(c)[of(c, "container_health_failing_streak")] == 4


def test_a_stopped_container_has_its_exit_code_and_no_old_health() -> None:
    c = container(
        state=State.EXITED, exit_code=137, finished_at=NOW, oom_killed=True, health=Health.UNHEALTHY, restarts=3
    )
    found = values(c)
    assert found[of(c, "container_last_exit_code")] == 137
    assert found[of(c, "container_last_oom_killed")] == 1
    assert found[of(c, "container_restarts_total")] == 3
    assert not any("health" in key for key in found)


def test_what_runs_again_has_the_exit_code_of_its_last_end() -> None:
    c = container(exit_code=0, finished_at=NOW - 5, ending=Ending(NOW - 5, EndedBy.NOBODY, exit_code=137))
    assert values(c)[of(c, "container_last_exit_code")] == 137


def test_one_that_never_ended_has_no_exit_code() -> None:
    assert not any("exit_code" in key for key in values(container()))


def test_compose_and_swarm_names_are_labels_and_others_only_when_asked_for() -> None:
    c = container(
        labels={
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "web",
            "com.docker.swarm.task.name": "shop_web.1.abc",
            "org.label.other": "x",
        }
    )
    key = next(iter(values(c)))
    assert 'container_label_com_docker_compose_project="shop"' in key
    assert 'container_label_com_docker_compose_service="web"' in key
    assert 'container_label_com_docker_swarm_task_name="shop_web.1.abc"' in key
    assert "other" not in key
    assert 'container_label_org_label_other="x"' in next(iter(values(c, labels=("org.label.other",))))


def test_a_change_is_seen_and_what_is_gone_has_no_series() -> None:
    source = ContainerState()
    text = ""
    for restarts in (1, 2):
        text = collect(source, Context(now=NOW, world=world([container(restarts=restarts)])))
        assert f'name="web"}} {restarts}\n' in text
    assert collect(source, Context(now=NOW, world=world())) == ""


def test_every_end_is_counted_once_whoever_started_it_again() -> None:
    source, counts = ContainerState(), []
    runs = ((0.0, 0), (0.0, 0), (5.0, 0), (5.0, 0), (9.0, 3), (12.0, 4), (20.0, 4))  # FinishedAt, RestartCount
    for finished, restarts in runs:
        c = container(finished_at=finished, restarts=restarts)
        found = samples(collect(source, Context(now=NOW, world=world([c]))))
        counts.append(found[of(c, "container_exits_total")])
    assert counts == [0, 0, 1, 1, 4, 5, 6]
    assert found[of(c, "container_last_exit_time_seconds")] == 20


def test_who_ended_it_is_told() -> None:
    c = container(state=State.EXITED, ending=Ending(NOW, EndedBy.SOMEONE, "SIGTERM"), finished_at=NOW)
    key = f'container_last_exit_by{{by="someone",id="/docker/{c.id}",image="busybox:1",name="web"}}'
    assert values(c)[key] == 1
    assert not any("exit_by" in key for key in values(container()))


@pytest.mark.parametrize(("task", "slot"), [("shop_web.3.x1y2", "3"), ("shop_web.n0de.x1y2", ""), ("odd", "")])
def test_the_slot_of_a_swarm_task_is_a_label(task: str, slot: str) -> None:
    key = next(iter(values(container(labels={"com.docker.swarm.task.name": task}))))
    assert (f'container_label_com_docker_swarm_task_slot="{slot}"' in key) is bool(slot)
