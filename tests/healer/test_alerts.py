"""Alerts from outside: which of them act, on what, and how often."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.errors import BadInput
from paramedic_healer.triggers.alert import aim
from paramedic_healer.webhook import read_webhook
from support_cases import NOW, container, world
from support_ward import Ward


def notification(*alerts, **fields):
    return {
        "version": "4",
        "groupKey": "g",
        "status": "firing",
        "receiver": "paramedic",
        "alerts": list(alerts),
        **fields,
    }


def alert(name="web", status="firing", **labels):
    return {
        "status": status,
        "labels": {"alertname": "Slow", "name": name, "paramedic_action": "restart", **labels},
        "annotations": {"summary": "p99 is 9 s"},
        "startsAt": "2026-11-23T06:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"f-{name}",
    }


def hear(ward, *alerts):
    step = ward.brain.hear(read_webhook(notification(*alerts), ward.clock.now()), ward.keeper.step(), ward.clock.now())
    ward.journal += step.records
    return len(step.records)


def test_an_alert_heals_once_however_often_it_is_told():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    assert hear(ward, alert(), alert()) == 1
    ward.run(5)
    for _ in range(3):
        assert hear(ward, alert()) == 0
        ward.restart_healer()
        ward.run(20)
    assert ward.acts(web) == ["restart"]
    assert hear(ward, alert(status="resolved")) == 1
    ward.run(200)
    assert [r.body["outcome"] for r in ward.records("closed")] == ["fixed"]
    assert ward.acts(web) == ["restart"]


def test_an_alert_that_goes_on_firing_was_not_helped():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    hear(ward, alert())
    ward.run(3600)
    assert len(ward.acts(web)) == 3
    assert {r.body["verdict"] for r in ward.records("verdict")} == {"no_effect"}
    assert len(ward.records("gave_up")) == 1


@pytest.mark.parametrize(
    "labels",
    [{"paramedic_action": ""}, {"paramedic_action": "scale"}, {"name": "nobody"}, {"paramedic_action": "stop"}],
)
def test_an_alert_that_names_no_action_or_no_container_does_nothing(labels):
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    hear(ward, {**alert(), "labels": {**alert()["labels"], **labels}})
    ward.run(600)
    assert ward.acts(web) == []
    assert ward.records("opened") == []


def test_without_leave_an_alert_is_held():
    ward = Ward()
    web = ward.add("web", leave=False)
    ward.run(60)
    hear(ward, alert())
    ward.run(60)
    assert ward.acts(web) == []
    assert ward.records("decision")[-1].body["gate"] == "mode"


def test_how_labels_name_a_container():
    web, db = (
        container("web"),
        container("db", labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}),
    )
    seen = world(web, db)

    def meant(labels):
        return aim({"paramedic_action": "restart", **labels}, seen).container

    assert meant({"name": "/web"}) == web
    assert meant({"id": f"/docker/{web.id}"}) == web
    assert meant({"id": f"/system.slice/docker-{web.id}.scope"}) == web
    compose = {"container_label_com_docker_compose_project": "shop", "container_label_com_docker_compose_service": "db"}
    assert meant(compose) == db
    assert meant({"name": "web", **compose}) == web, "a name says more than a service"
    left = container("shop-db-run-1", id="e" * 64, labels={**db.labels, "com.docker.compose.oneoff": "True"})
    beside = world(web, db, left)
    assert aim({"paramedic_action": "restart", **compose}, beside).container == db, (
        "what `compose run` left is not meant"
    )
    assert meant({"instance": "web"}) is None
    assert meant({"container": "web", "name": db.name}) is None, "two labels that name two"


REPLICAS = {
    "name": "",
    "container_label_com_docker_compose_project": "p2",
    "container_label_com_docker_compose_service": "s",
}


def test_an_alert_on_a_service_of_several_containers_touches_none_of_them():
    ward = Ward()
    compose = {"com.docker.compose.project": "p2", "com.docker.compose.service": "s"}
    both = [ward.add(name, labels=compose) for name in ("p2-s-1", "p2-s-2")]
    ward.run(60)
    assert hear(ward, alert(**REPLICAS)) == 1
    ward.run(600)
    assert [ward.acts(one) for one in both] == [[], []]
    assert ward.records("opened") == []
    said = ward.records("alert")[0].body["text"]
    assert "it could mean any of 2 containers (p2-s-1, p2-s-2), so none is touched" in said
    # The last one that is left, as while a rollout replaces the other, is not what the alert meant either.
    ward.engine.destroy(both[1])
    ward.restart_healer()
    ward.run(60)
    assert ward.acts(both[0]) == []


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"paramedic_action": "reboot"}, "paramedic_action='reboot' is none of restart, start"),
        ({"paramedic_action": ""}, "it has no label paramedic_action, so it is for people"),
        ({"name": "nosuch"}, "there is no container 'nosuch' on this host (label name)"),
        (REPLICAS, "there is no service 'p2/s' on this host"),
        ({"name": ""}, "none of its labels names a container"),
    ],
)
def test_the_journal_says_why_nothing_is_done_about_an_alert(labels, why):
    ward = Ward()
    ward.add("web")
    ward.run(60)
    hear(ward, alert(**labels))
    record = ward.records("alert")[0]
    assert record.body["text"].startswith("The alert Slow fires: p99 is 9 s. Nothing is done: ")
    assert why in record.body["text"]


def test_the_journal_says_what_an_alert_asks_for_and_of_which_container():
    ward = Ward()
    web = ward.add("web")
    ward.run(60)
    hear(ward, alert())
    hear(ward, alert(status="resolved"))
    first, last = ward.records("alert")
    assert (first.target, first.name) == (web, "web")
    assert first.body["text"] == "The alert Slow fires: p99 is 9 s. It asks for a restart of web."
    assert last.body["text"] == "The alert Slow is over."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": {}},
        {"alerts": ["x"]},
        {"alerts": [{"status": "odd", "labels": {}}]},
        {"alerts": [{"status": "firing", "labels": {"a": 1}}]},
        {"alerts": [{"status": "firing", "labels": {str(n): "" for n in range(65)}}]},
        {"alerts": [{"status": "firing", "labels": {}, "startsAt": 5}]},
        {"alerts": [{"status": "firing", "labels": {}}] * 501},
    ],
)
def test_what_is_no_notification_is_refused_whole(body):
    with pytest.raises(BadInput):
        read_webhook(body, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["alerts", "status", "version"]), json_values))
def test_any_json_is_read_or_refused(body):
    with contextlib.suppress(BadInput):
        for alert_read, firing in read_webhook(body, NOW):
            assert isinstance(firing, bool)
            assert len(alert_read.fingerprint) <= 64
