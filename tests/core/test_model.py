"""Container: its service, and whether it is well."""

import pytest

from paramedic_core import model
from paramedic_core.model import Container, Health, State


def box(labels=None, **more):
    return Container(**{"id": "0" * 64, "name": "name", "state": State.RUNNING, "labels": labels or {}} | more)


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ({}, "name"),
        ({model.COMPOSE_PROJECT: "shop", model.COMPOSE_SERVICE: "web"}, "shop/web"),
        ({model.COMPOSE_PROJECT: "shop"}, "shop/name"),
        ({model.COMPOSE_SERVICE: "web"}, "web"),
        ({model.SWARM_SERVICE: "shop_web", model.SWARM_STACK: "shop"}, "shop/web"),
        ({model.SWARM_SERVICE: "shop_web"}, "shop_web"),
        ({model.SWARM_SERVICE: "web", model.SWARM_STACK: "shop"}, "shop/web"),
        ({model.COMPOSE_PROJECT: "", model.COMPOSE_SERVICE: ""}, "name"),
    ],
)
def test_service_key(labels, key):
    assert box(labels).service_key == key


@pytest.mark.parametrize(
    ("state", "health", "well"),
    [
        (State.RUNNING, Health.NONE, True),
        (State.RUNNING, Health.HEALTHY, True),
        (State.RUNNING, Health.STARTING, False),
        (State.RUNNING, Health.UNHEALTHY, False),
        (State.EXITED, Health.HEALTHY, False),
        (State.PAUSED, Health.HEALTHY, False),
    ],
)
def test_well(state, health, well):
    assert box(state=state, health=health).well is well


def test_an_image_label_is_not_ones_own():
    one = box({"a": "1", "b": "2"}, image_labels=("a",))
    assert (one.own_label("a"), one.own_label("b"), one.own_label("c")) == (None, "2", None)


def test_task_and_short_id():
    assert box({model.SWARM_TASK: "t"}).task == "t"
    assert (box().task, box().short_id) == ("", "0" * 12)
