"""How containers stand, in one word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paramedic_api.standing import RESTING, Standing, shown, worst
from paramedic_core.model import EndedBy, Ending, Health, State
from paramedic_core.world import Acting
from support_shop import container, shop_world

BASE = container("p", "s")
BY_NOBODY = Ending(1.0, EndedBy.NOBODY)
BY_SOMEONE = Ending(1.0, EndedBy.SOMEONE, "SIGTERM")


@pytest.mark.parametrize(
    ("changes", "standing", "tone", "word"),
    [
        ({}, Standing.WELL, "ok", "well"),
        ({"health": Health.NONE}, Standing.WELL, "ok", "well"),
        ({"health": Health.STARTING}, Standing.STARTING, "warn", "starting"),
        ({"health": Health.UNHEALTHY}, Standing.UNHEALTHY, "bad", "unhealthy"),
        ({"state": State.PAUSED}, Standing.PAUSED, "off", "paused"),
        ({"state": State.RESTARTING}, Standing.LOOPING, "bad", "restarting"),
        ({"state": State.CREATED}, Standing.CREATED, "off", "not started"),
        ({"state": State.CREATED, "error": "no such file"}, Standing.DOWN, "bad", "could not be started"),
        ({"state": State.EXITED, "exit_code": 1, "ending": BY_NOBODY}, Standing.DOWN, "bad", "exited with 1"),
        ({"state": State.EXITED, "exit_code": 137, "oom_killed": True, "ending": BY_NOBODY}, Standing.DOWN, "bad", "killed for its memory"),
        ({"state": State.EXITED, "exit_code": 143, "ending": BY_SOMEONE}, Standing.STOPPED, "off", "stopped by hand"),
        ({"state": State.EXITED, "exit_code": 0, "ending": BY_SOMEONE}, Standing.STOPPED, "off", "stopped by hand"),
        ({"state": State.EXITED, "exit_code": 0, "ending": BY_NOBODY}, Standing.FINISHED, "off", "finished"),
        ({"state": State.EXITED, "exit_code": 1}, Standing.UNSEEN, "bad", "ended unseen"),
        ({"state": State.UNKNOWN}, Standing.UNKNOWN, "off", "unknown"),
    ],
)  # fmt: skip
def test_word(changes: dict[str, Any], standing: Standing, tone: str, word: str) -> None:
    how = shown(shop_world(), replace(BASE, **changes))
    assert (how.standing, how.tone, how.word) == (standing, tone, word)


def test_acting_is_shown_before_all_else() -> None:
    world = replace(shop_world(), acting={BASE.id: Acting("restart", "k", 1.0)})
    how = shown(world, replace(BASE, health=Health.UNHEALTHY))
    assert (how.standing, how.word) == (Standing.ACTING, "being restarted")


def test_the_worst_is_heard_of_first() -> None:
    world = shop_world()
    well, ill = shown(world, BASE), shown(world, replace(BASE, health=Health.UNHEALTHY))
    assert worst([well, ill]) is ill
    assert worst([]).standing is Standing.UNKNOWN


def test_every_standing_has_its_rank() -> None:
    world = shop_world()
    how = shown(world, BASE)
    for standing in Standing:
        worst([replace(how, standing=standing)])
    assert Standing.STOPPED in RESTING
