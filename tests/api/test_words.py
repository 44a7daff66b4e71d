"""Sentences and figures for people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paramedic_api.page.charts import area, spark, thin, total
from paramedic_api.page.filters import coded
from paramedic_api.page.incidents import incident_view
from paramedic_api.page.links import root_of
from paramedic_api.page.summary import summarise
from paramedic_api.page.words import count, names, sentence, size, span
from paramedic_core.model import EndedBy, Ending, Health, State
from paramedic_core.world import Acting, Engine, EngineStatus, World
from support_shop import container, container_id, shop_world


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.04, "0.04 s"), (0.11, "0.1 s"), (8.2, "8.2 s"), (61, "61 s"), (240, "4 min"), (7300, "2 h"), (3.5e6, "41 days")],
)  # fmt: skip
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 B"), (999, "999 B"), (5.8e9, "5.8 GB"), (16e9, "16 GB"), (123456, "123 kB"), (2e18, "2000 PB")],
)
def test_sizes(amount: float, text: str) -> None:
    assert " ".join(size(amount)) == text


def test_lists_of_names() -> None:
    assert names(["a"]) == "a"
    assert names(["a", "b"]) == "a and b"
    assert names(["a", "b", "c"]) == "a, b and c"
    assert names(list("abcdef")) == "a, b and 4 more"
    assert (count(1, "thing"), count(2, "thing"), sentence("so it is")) == ("1 thing", "2 things", "So it is.")


def _world(*ill: int, members: int = 4) -> World:
    found = [container("p", f"s{n}", health=Health.UNHEALTHY if n in ill else Health.HEALTHY) for n in range(members)]
    return replace(shop_world(), containers={c.id: c for c in found})


def _plan(n: int, decision: str, gate: str = "", allow: str = "") -> dict[str, object]:
    return {"target": container_id(f"p-s{n}-1"), "decision": decision, "gate": gate, "allow": allow}


@pytest.mark.parametrize(
    ("world", "plan", "text"),
    [
        (_world(), [], "All 4 containers are well."),
        (_world(members=2), [], "Both containers are well."),
        (_world(members=1), [], "The one container is well."),
        (_world(members=0), [], "There are no containers on this host."),
        (_world(0), [], "3 of 4 containers are well; s0 is unhealthy."),
        (_world(0), [_plan(0, "refuse", "mode", "x")], "3 of 4 containers are well; s0 needs your leave."),
        (_world(0), [_plan(0, "refuse", "helps", "x")], "3 of 4 containers are well; s0 needs you."),
        (_world(0), [_plan(0, "refuse", "ours")], "3 of 4 containers are well; s0 is unhealthy."),
        (_world(0), [_plan(0, "do")], "3 of 4 containers are well; s0 is being healed."),
        (_world(0, 1, 2), [], "1 of 4 containers is well; s0, s1 and s2 are not."),
        (_world(0, 1), [_plan(0, "do"), _plan(1, "do")], "2 of 4 containers are well; s0 and s1 are being healed."),
    ],
)
def test_the_first_line(world: World, plan: list[dict[str, object]], text: str) -> None:
    assert summarise(world, "", [], plan, 1e9).sentence == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"error": "no such file", "exit_code": 127}, "s0 could not be started."),
        ({"exit_code": 3}, "s0 has exited with 3."),
        ({"exit_code": 137, "oom_killed": True}, "s0 was killed for its memory."),
    ],
)
def test_the_first_line_is_a_sentence(change: dict[str, Any], said: str) -> None:
    world = _world()
    key = container_id("p-s0-1")
    ended = replace(world.containers[key], state=State.EXITED, ending=Ending(1.0, EndedBy.NOBODY), **change)
    world = replace(world, containers={**world.containers, key: ended})
    assert summarise(world, "", [], [], 1e9).sentence == f"3 of 4 containers are well; {said}"


def test_an_engine_that_is_away_is_the_first_line() -> None:
    engine = Engine(EngineStatus.AWAY, since=1e9 - 240, reason="no such file: start Docker.")
    summary = summarise(replace(shop_world(), engine=engine), "", [], [], 1e9)
    assert summary.sentence == "The engine has not answered for 4 min."
    assert summary.detail.startswith("No such file: start Docker.")


def test_acting_counts_as_being_healed() -> None:
    world = _world(0)
    world = replace(world, acting={container_id("p-s0-1"): Acting("restart", "k", 1.0)})
    assert summarise(world, "", [], [], 1e9).sentence.endswith("s0 is being healed.")


def test_an_incident_is_a_sentence_with_steps() -> None:
    story = [
        {"at": 100.0, "kind": "opened", "text": "Its health check failed 3 times in a row."},
        {"at": 100.04, "kind": "decision", "text": "To be restarted: every gate passed."},
        {"at": 100.11, "kind": "outcome", "text": "Restarted."},
        {"at": 108.2, "kind": "recovered", "text": "Running and healthy for 10 s."},
        {"at": 161.0, "kind": "closed", "text": "Well again."},
    ]
    raw = {
        "id": "i", "name": "web", "title": story[0]["text"], "cause": "unhealthy", "opened_at": 100.0,
        "state": "healed", "outcome": "fixed", "tries": 1, "story": story,
    }  # fmt: skip
    view = incident_view(raw, "", {})
    assert view.text == "Its health check failed 3 times in a row. Restarted once; well again after 8.2 s."
    assert [(s.label, s.when) for s in view.steps] == [
        ("unhealthy", "0 s"), ("decided", "0.04 s"), ("restarted", "0.1 s"), ("well", "8.2 s"), ("verified", "61 s"),
    ]  # fmt: skip


def test_a_wish_that_was_not_carried_out_says_so_and_why() -> None:
    story = [
        {"at": 100.0, "kind": "opened", "text": "ada asked for it to be restarted: slow"},
        {"at": 100.1, "kind": "decision", "gate": "mode", "text": "Not restarted: it has not been opted in."},
        {"at": 160.0, "kind": "closed", "text": "It was not done."},
    ]
    raw = {"title": story[0]["text"], "cause": "asked", "opened_at": 100.0, "state": "closed", "outcome": "nothing",
           "tries": 0, "story": story}  # fmt: skip
    view = incident_view(raw, "", {})
    assert view.word == "not done"
    assert view.text == (
        "ada asked for it to be restarted: slow. Not restarted: it has not been opted in. It was not done."
    )


def test_what_runtime_refused_is_held_and_no_restart() -> None:
    story = [
        {"at": 100.0, "kind": "opened", "text": "Its health check failed."},
        {"at": 100.1, "kind": "decision", "text": "To be restarted: every gate passed."},
        {"at": 100.2, "kind": "outcome", "gate": "runtime", "text": "Not restarted: the outer ceiling."},
    ]
    raw = {"title": story[0]["text"], "cause": "unhealthy", "opened_at": 100.0, "state": "held", "story": story}
    view = incident_view(raw, "", {})
    assert view.text == "Its health check failed. Not restarted: the outer ceiling."
    assert [s.label for s in view.steps] == ["unhealthy", "decided", "held back"]


def test_many_tries_are_shown_short() -> None:
    story = [{"at": float(n), "kind": "outcome", "text": f"Restarted {n}."} for n in range(1, 30)]
    view = incident_view({"state": "gave_up", "opened_at": 1.0, "story": story}, "look into it", {})
    assert len(view.steps) <= 6
    assert view.allow == "look into it"
    assert not view.leave


def test_charts() -> None:
    line = spark([0.0, 1.0, None, 1.0, 0.5])
    assert line.count("M") == 2
    assert area(line, [0.0, 1.0, None, 1.0, 0.5]) == ""
    assert area(spark([1.0, 1.0]), [1.0, 1.0]).endswith("Z")
    assert spark([1.0]) == ""
    assert spark([0.0, 0.0]) != ""
    assert len(thin([1.0] * 240)) == 60
    assert total([[1.0, None, None], [2.0, 3.0, None]]) == [3.0, 3.0, None]


def test_code_in_texts_is_escaped() -> None:
    assert coded("run `<b>` now") == "run <code>&lt;b&gt;</code> now"
    assert coded("a ` b <i>") == "a ` b &lt;i&gt;"


@pytest.mark.parametrize(
    ("path", "root"), [("/", "./"), ("/healing", "./"), ("/services/a", "../"), ("/services/a/b", "../../")]
)
def test_links_go_back_to_the_root(path: str, root: str) -> None:
    assert root_of(path) == root


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ("fixed", "It ended. Started 2 times; well again after 51 s."),
        ("asked", "It ended. Started 2 times; well again after 51 s. Done as asked."),
        ("person", "It ended. Started 2 times. A person saw to it."),
        ("alone", "It ended. Started 2 times. It came right by itself."),
    ],
)
def test_how_it_ended(outcome: str, text: str) -> None:
    story = [
        {"at": 100.0, "kind": "opened", "text": "It ended."},
        {"at": 100.4, "kind": "outcome", "text": "Started."},
        {"at": 110.4, "kind": "recovered", "text": "Running for 10 s."},
        {"at": 130.0, "kind": "verdict", "text": "It ended again (exit code 3)."},
        {"at": 130.0, "kind": "decision", "gate": "startup_grace", "text": "Not started: it looks first."},
        {"at": 141.0, "kind": "outcome", "text": "Started."},
        {"at": 151.0, "kind": "recovered", "text": "Running for 10 s."},
    ]
    raw = {"title": "It ended.", "state": "closed", "opened_at": 100.0, "outcome": outcome, "tries": 2, "story": story}
    view = incident_view(raw, "", {})
    assert view.text == text
    assert not any(step.held for step in view.steps), "a gate that opens by itself is no step of the short line"


def test_leave_is_told_from_other_help() -> None:
    held = {"state": "held", "story": [{"at": 1.0, "kind": "decision", "gate": "mode", "text": "Not restarted."}]}
    assert incident_view(held, "`paramedic heal enable x`", {}).leave
    assert not incident_view({**held, "state": "gave_up"}, "mend it", {}).leave
