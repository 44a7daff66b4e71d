"""When a line of the list is reason enough to inspect."""

from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.model import Container, Endpoint, Health, HealthCheck, State
from paramedic_runtime.survey import human, unchanged
from support_fake_json import list_json

NOW = 1_700_000_000.0
WEB = Container(
    id="a" * 64,
    name="web",
    state=State.RUNNING,
    image_id="sha256:1",
    started_at=NOW - 7200,
    health=Health.HEALTHY,
    health_check=HealthCheck(),
    endpoints=(Endpoint("net", "n", "10.0.0.2"),),
)


def entry(container, now=NOW, api=(1, 41)):
    return list_json(container, api, now)


@pytest.mark.parametrize("age", [66, 100, 119.5, 120, 3599, 3601, 5399, 5401, 86400, 172799, 172801, 1e6, 6e6, 1e8])
@pytest.mark.parametrize("drift", [-2.0, 0.0, 2.0])
def test_the_same_container_at_every_age(age, drift):
    known = replace(WEB, started_at=NOW - age)
    assert unchanged(entry(known, NOW + drift), known, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"health": Health.UNHEALTHY},
        {"health": Health.STARTING},
        {"health": Health.NONE},
        {"name": "other"},
        {"state": State.PAUSED},
        {"state": State.EXITED, "finished_at": NOW - 100},
        {"started_at": NOW - 90},
        {"started_at": NOW - 5},
        {"image_id": "sha256:2"},
        {"endpoints": (Endpoint("net", "n", "10.0.0.3"),)},
        {"endpoints": ()},
    ],
)
def test_any_difference_is_seen(change):
    assert not unchanged(entry(replace(WEB, **change)), WEB, NOW)


def test_a_young_or_ill_one_is_always_looked_at():
    young = replace(WEB, started_at=NOW - 30)
    assert not unchanged(entry(young), young, NOW)
    ill = replace(WEB, health=Health.UNHEALTHY)
    assert not unchanged(entry(ill), ill, NOW)


def test_exited_and_created():
    done = replace(WEB, state=State.EXITED, exit_code=137, finished_at=NOW - 500)
    assert unchanged(entry(done), done, NOW)
    assert not unchanged(entry(replace(done, exit_code=1)), done, NOW)
    assert not unchanged(entry(replace(done, finished_at=NOW - 100)), done, NOW)
    made = replace(WEB, state=State.CREATED, started_at=0.0)
    assert unchanged(entry(made), made, NOW)


@pytest.mark.parametrize(
    "raw", [{}, {"Names": 5}, {"Names": ["/web"], "Status": 3}, {"Names": ["/web"], "Status": "Up"}]
)
def test_nonsense_is_reason_to_look(raw):
    assert not unchanged(raw, WEB, NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (125, "2 minutes"),
        (3600, "About an hour"), (7200, "2 hours"), (47 * 3600, "47 hours"), (49 * 3600, "2 days"),
        (20 * 86400, "2 weeks"), (100 * 86400, "3 months"), (800 * 86400, "2 years"),
    ],
)  # fmt: skip
def test_ages_in_the_engines_words(seconds, words):
    assert human(seconds) == words


def test_a_list_of_quiet_containers_inspects_few(tmp_path):
    from paramedic_runtime.docker import DockerBackend
    from support_fake_engine import FakeEngine, crowd

    clock = FakeClock()
    with FakeEngine(tmp_path / "e.sock", clock=clock) as fake:
        crowd(fake.engine, 100)
        backend = DockerBackend(fake.address, clock, own=frozenset())
        backend.engine()
        assert len(backend.containers()) == 100
        assert backend.inspects == 100
        clock.advance(600)
        for turn in range(1, 21):
            clock.advance(30)
            assert len(backend.containers()) == 100
            assert backend.inspects == 100 + turn * 5
        backend.close()
