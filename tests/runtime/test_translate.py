"""Docker's JSON to the model: both engines' shapes, and whatever hostile input may hold."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_core.codec import from_plain, to_plain
from paramedic_core.model import Container, Endpoint, Health, HealthCheck, Port, State
from paramedic_runtime import translate
from support_fake_json import event_json, inspect_json

A = "a" * 64
FULL = Container(
    id=A,
    name="shop-web-1",
    state=State.RUNNING,
    image="busybox:1",
    image_id="sha256:" + "b" * 64,
    created_at=1_700_000_000.5,
    started_at=1_700_000_001.25,
    finished_at=1_700_000_000.75,
    pid=4711,
    health=Health.UNHEALTHY,
    health_since=1_700_000_050.0,
    failing_streak=3,
    health_check=HealthCheck(10.0, 5.0, 2.0, 3),
    restarts=2,
    restart_policy="on-failure",
    restart_retries=5,
    stop_timeout=20.0,
    stop_signal="SIGWINCH",
    network_mode="shop_default",
    endpoints=(Endpoint("shop_default", "c" * 64, "172.20.0.3", "172.20.0.1", ("web",)),),
    ports=(Port(80, "tcp", "0.0.0.0", 8080), Port(443), Port(5353, "udp", "::", 53)),
    labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
    memory_limit=1 << 28,
    cpu_limit=0.5,
)


@pytest.mark.parametrize(("api", "modern"), [((1, 41), False), ((1, 47), True), ((1, 52), True), ((1, 56), True)])
def test_there_and_back(api, modern):
    raw = json.loads(json.dumps(inspect_json(FULL, api, modern=modern)))
    found = translate.container(raw, {})
    assert found == Container(**{f: getattr(FULL, f) for f in Container.__slots__})
    assert from_plain(Container, to_plain(found)) == found


@pytest.mark.parametrize(
    ("label", "own", "found"),
    [
        (None, None, 33.0),
        (None, 5, 5.0),
        (None, -1, -1.0),
        ("20", 5, 20.0),
        ("20", None, 20.0),
        ("0", None, 0.0),
        ("soon", 5, 5.0),
        ("-3", None, 33.0),
        ("99999", None, 33.0),
        ("²", None, 33.0),
    ],
)
def test_the_stop_timeout_is_the_labels_then_its_own_then_the_settings(label, own, found):
    labels = {} if label is None else {"autoheal.stop.timeout": label}
    raw = {"Id": A, "Config": {"Labels": labels, **({} if own is None else {"StopTimeout": own})}}
    assert translate.container(raw, {}, stop_timeout=33.0).stop_timeout == found


def test_no_environment_value_ever():
    raw = inspect_json(FULL, (1, 41), modern=False)
    assert "never-to-be-seen" in json.dumps(raw)
    assert "never-to-be-seen" not in json.dumps(to_plain(translate.container(raw, {})))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-11-23T07:06:16.447535837Z", 1795417576.447535),
        ("2026-11-23T09:06:16.447535837+02:00", 1795417576.447535),
        ("2026-11-23T07:06:16Z", 1795417576.0),
        ("0001-01-01T00:00:00Z", 0.0),
        ("0001-01-01T00:00:00+14:00", 0.0),
        ("9999-12-31T23:59:59.999999999-14:00", 253402351199.999999),
        ("", 0.0),
        ("yesterday", 0.0),
        (None, 0.0),
        (17, 0.0),
        ("2" * 1000, 0.0),
    ],
)
def test_times(text, want):
    assert translate.when(text) == pytest.approx(want, abs=1e-5)


def test_an_inspect_of_nothing_has_defaults():
    found = translate.container({"Id": A}, None)
    assert (found.state, found.health, found.health_check, found.name) == (State.UNKNOWN, Health.NONE, None, "a" * 12)
    assert (found.stop_timeout, found.restart_policy) == (10.0, "no")


def test_a_health_check_that_is_switched_off_and_one_with_defaults():
    off = {"Id": A, "Config": {"Healthcheck": {"Test": ["NONE"]}}}
    assert translate.container(off, {}).health_check is None
    bare = {"Id": A, "Config": {"Healthcheck": {"Test": ["CMD", "true"]}}}
    assert translate.container(bare, {}).health_check == HealthCheck(30.0, 30.0, 0.0, 3)


def test_addresses_come_from_networks_only():
    raw = {"Id": A, "NetworkSettings": {"IPAddress": "172.17.0.9", "Networks": {"b": {"IPAddress": "172.17.0.2"}}}}
    assert [e.address for e in translate.container(raw, {}).endpoints] == ["172.17.0.2"]


def test_our_own_containers():
    assert translate.container({"Id": A}, {}, own=frozenset({A})).is_self
    assert translate.container({"Id": A}, {}, own=frozenset({"a" * 12})).is_self
    assert not translate.container({"Id": A}, {}, own=frozenset({"b" * 12})).is_self
    assert translate.container({"Id": A, "Config": {"Labels": {"paramedic.role": "hub"}}}, {}).is_self


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("15", "SIGTERM"),
        (9, "SIGKILL"),
        ("TERM", "SIGTERM"),
        ("sigusr1", "SIGUSR1"),
        ("37", "SIG37"),
        ("", ""),
        (None, ""),
    ],
)
def test_signals(value, want):
    assert translate.signal_name(value) == want


def test_events_in_both_shapes():
    from paramedic_runtime.base import Event

    for event in (
        Event(1_700_000_000.25, "die", A, "web", "137"),
        Event(1_700_000_000.25, "kill", A, "web", "SIGTERM"),
        Event(1_700_000_000.25, "health_status", A, "web", "unhealthy"),
        Event(1_700_000_000.25, "start", A, "web"),
        Event(1_700_000_000.25, "connect", A, "", "shop"),
        Event(1_700_000_000.25, "disconnect", A, "", "shop"),
    ):
        for api in ((1, 41), (1, 52)):
            assert translate.event(event_json(event, api)) == event


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"Type": "network", "Action": "connect", "Actor": {"ID": A}, "timeNano": 1},
        {"Type": "network", "Action": "connect", "Actor": {"ID": A, "Attributes": {"container": "x"}}, "timeNano": 1},
        {"Type": "network", "Action": "create", "Actor": {"ID": A, "Attributes": {"container": A}}, "timeNano": 1},
        {"Type": "network", "Action": "connect", "Actor": {"ID": A, "Attributes": {"container": A}}},
        {"Type": "container", "Action": "exec_start: sh", "Actor": {"ID": A}, "timeNano": 1},
        {"Type": "container", "Action": "die", "Actor": {"ID": "../../etc"}, "timeNano": 1},
        {"Type": "container", "Action": "die", "Actor": {"ID": A}},
        {"Type": "container", "Action": ["die"], "Actor": {"ID": A}, "timeNano": 1},
        {"Type": "container", "Action": "die", "Actor": {"ID": A}, "timeNano": 10**40},
    ],
)
def test_what_is_no_event_of_ours(raw):
    assert translate.event(raw) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = sorted(
    {"State", "Config", "HostConfig", "NetworkSettings", "Networks", "Ports", "Labels", "Health", "Log", "Name", "Id"}
    | {"Healthcheck", "Test", "Interval", "RestartPolicy", "Status", "StartedAt", "ExitCode", "80/tcp", "HostPort"}
    | {"StopTimeout", "StopSignal", "Memory", "NanoCpus", "CpuQuota", "Actor", "Attributes", "Action", "ID", "timeNano"}
)
NASTY = st.recursive(
    JSON | st.just(A) | st.just(["CMD"]) | st.just("die") | st.integers(),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), NASTY, max_size=10))
def test_no_input_breaks_it(raw):
    found = translate.container(raw, None)
    plain = json.dumps(to_plain(found), allow_nan=False)
    assert len(plain) < 1 << 20
    assert from_plain(Container, json.loads(plain)) == found
    assert all(math.isfinite(t) for t in (found.started_at, found.finished_at, found.health_since))
    translate.event(raw)
