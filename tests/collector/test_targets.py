"""Labels → targets, and what an application may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.foreign import Bounds, check
from paramedic_collector.targets import discovered, target_of, wanted
from paramedic_core.errors import BadInput
from paramedic_core.model import Container, Endpoint, Port, State
from support_collector import container, world

BOUNDS = Bounds(samples=1000, labels=5, label_name=20, label_value=50)


def app(number: int = 1, **more: object) -> Container:
    facts: dict[str, object] = {
        "endpoints": (Endpoint("net", "n", "10.9.0.7"),),
        "labels": {"paramedic.scrape.port": "8080"},
    }
    return container(f"app{number}", number, **{**facts, **more})


def test_our_own_labels() -> None:
    labels = {"paramedic.scrape.port": "8080", "paramedic.scrape.path": "/m?x=1", "paramedic.scrape.interval": "30s"}
    target = target_of(app(labels=labels), world())
    assert target is not None
    assert (target.instance, target.path, target.interval) == ("10.9.0.7:8080", "/m?x=1", 30)


@pytest.mark.parametrize(
    ("labels", "ports", "port"),
    [
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "9000"}, (), 9000),
        ({"prometheus.io/scrape": "True"}, (Port(8000), Port(8000, host_port=80), Port(53, "udp")), 8000),
        ({"prometheus.io/scrape": "false", "prometheus.io/port": "9000"}, (), None),
        ({"prometheus.io/port": "9000"}, (), None),
        ({}, (Port(80),), None),
    ],
)
def test_prometheus_own_labels(labels: dict[str, str], ports: tuple[Port, ...], port: int | None) -> None:
    target = target_of(app(labels=labels, ports=ports), world())
    assert (target.port if target is not None else None) == port


@pytest.mark.parametrize(
    ("labels", "more", "why"),
    [
        ({"paramedic.scrape.port": "0"}, {}, "is no port"),
        ({"paramedic.scrape.port": "99999"}, {}, "is no port"),
        ({"paramedic.scrape.port": "80\n"}, {}, "is no port"),
        ({"prometheus.io/scrape": "true"}, {}, "exposes 0 TCP ports"),
        ({"prometheus.io/scrape": "true", "prometheus.io/scheme": "https"}, {}, "only http"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.path": "metrics"}, {}, "is no path"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.path": "//evil/x"}, {}, "is no path"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.path": "/a b"}, {}, "is no path"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.path": "/x HTTP/1.1\r\nHost: y"}, {}, "is no path"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.interval": "1ms"}, {}, "1s to 1h"),
        ({"paramedic.scrape.port": "80", "paramedic.scrape.interval": "often"}, {}, "1s to 1h"),
        ({"paramedic.scrape.port": "80"}, {"network_mode": "host"}, "host's network"),
        ({"paramedic.scrape.port": "80"}, {"network_mode": "container:" + "9" * 64}, "no address"),
        ({"paramedic.scrape.port": "80"}, {"endpoints": ()}, "no address"),
        ({"paramedic.scrape.port": "80"}, {"endpoints": (Endpoint("n", "n", "127.0.0.1"),)}, "no address"),
        ({"paramedic.scrape.port": "80"}, {"endpoints": (Endpoint("n", "n", "169.254.169.254"),)}, "no address"),
        ({"paramedic.scrape.port": "80"}, {"endpoints": (Endpoint("n", "n", "example.com"),)}, "no address"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(
    labels: dict[str, str], more: dict[str, object], why: str
) -> None:
    c = app(labels=labels, **more)
    with pytest.raises(BadInput, match=why):
        target_of(c, world([c]))
    assert why in wanted(world([c]), 10)[1][c.name]


def test_one_in_anothers_network_has_its_address() -> None:
    owner = app(1, labels={})
    sidecar = app(2, endpoints=(), network_mode=f"container:{owner.id}")
    target = target_of(sidecar, world([owner, sidecar]))
    assert target is not None
    assert target.instance == "10.9.0.7:8080"


def test_those_that_run_and_not_too_many() -> None:
    many = [app(n) for n in range(1, 6)]
    stopped = app(9, state=State.EXITED)
    found, refused = wanted(world([*many, stopped]), 3)
    assert [t.container.name for t in found.values()] == ["app1", "app2", "app3"]
    assert list(refused) == ["app4", "app5"]


def test_an_entry_of_http_sd() -> None:
    labels = {"paramedic.scrape.port": "80", "paramedic.scrape.interval": "1500ms", "com.docker.compose.project": "shop",
              "com.docker.compose.service": "web"}  # fmt: skip
    target = target_of(app(labels=labels, endpoints=(Endpoint("n", "n", "fd00::7"),)), world())
    assert target is not None
    entry = discovered(target, "node1:9112", "/apps/x/metrics", tls=True)
    assert entry["targets"] == ["node1:9112"]
    found = entry["labels"]
    assert isinstance(found, dict)
    assert found["job"] == "shop/web"
    assert found["instance"] == "[fd00::7]:80"
    assert (found["__scheme__"], found["__metrics_path__"]) == ("https", "/apps/x/metrics")
    assert (found["__scrape_interval__"], found["__scrape_timeout__"]) == ("1500ms", "1500ms")
    assert found["__meta_docker_container_label_com_docker_compose_service"] == "web"
    assert all(isinstance(value, str) for value in found.values())


GOOD = rb"""# HELP x_total Words.
# TYPE x_total counter
x_total 1
x_total{a="b"} 1.5e+06
x_total{a="b",} 2 1700000000000
x_total { a = "q\"\\\n" , b="}{,= #" }	+Inf
x_total{} NaN
x:y -0.5
x .5
x 5.

 """


def test_the_text_format_in_all_its_forms() -> None:
    assert check(GOOD, BOUNDS, openmetrics=False) == 8
    assert check(b"", BOUNDS, openmetrics=False) == 0
    om = b'a_total{x="1"} 3 1.5 # {trace="abc"} 0.5 1.5\na_created 1\n# EOF\n'
    assert check(om, BOUNDS, openmetrics=True) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"x 1\n<html>\n", "line 2 is no sample: '<html>'"),
        (b"x\n", "line 1"),
        (b"x{a=b} 1\n", "line 1"),
        (b'x{a="b"c="d"} 1\n', "line 1"),
        (b'x{a="b} 1\n', "line 1"),
        (b"x 1 2 3\n", "line 1"),
        (b"1x 1\n", "line 1"),
        (b"x one\n", "line 1"),
        (b"x1.5\n", "line 1"),
        (b"x 1\xff\n", "byte 3 is no UTF-8"),
        (b"x 1\n" * 1001, "more than 1000 samples"),
        (b"x{" + b",".join(b'l%d="1"' % n for n in range(6)) + b"} 1\n", "has 6 labels, more than 5"),
        (b'x{a="' + b"v" * 51 + b'"} 1\n', "has 1 and 51 bytes"),
        (b"x{" + b"n" * 21 + b'="v"} 1\n', "has 21 and 1 bytes"),
        (b"# " + b"c" * 70_000 + b"\n", "70002 bytes"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_taken(body: bytes, why: str) -> None:
    with pytest.raises(BadInput) as refused:
        check(body, BOUNDS, openmetrics=False)
    assert why in str(refused.value)


def test_openmetrics_that_was_cut_off_is_refused() -> None:
    for body in (b"a 1\n", b"# EOF\na 1\n", b""):
        with pytest.raises(BadInput, match="cut off"):
            check(body, BOUNDS, openmetrics=True)


@pytest.mark.parametrize(
    "evil",
    [b"x{" + b'a="' * 20_000, b"x{" + b'a="1",' * 10_000, b"x " + b"1" * 60_000 + b"x", b"x{" + b"\\" * 60_000, b" " * 60_000 + b"x"],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_no_line_takes_longer_than_its_length(evil: bytes) -> None:
    with pytest.raises(BadInput):
        check(evil + b"\n", BOUNDS, openmetrics=False)


_NAME = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)  # `__` is reserved, and refused by their parser


@given(_NAME, st.dictionaries(_NAME, st.text(max_size=12), max_size=4), st.floats())
def test_whatever_prometheus_client_reads_back_passes(name: str, labels: dict[str, str], value: float) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

    pairs = ",".join(f'{k}="{escaped(v)}"' for k, v in labels.items())
    text = f"{name}{{{pairs}}} {value}\n".encode("utf-8", "replace").decode()
    read = [s for f in text_string_to_metric_families(text) for s in f.samples]
    assert len(read) == 1
    assert check(text.encode(), Bounds(10, 10, 100, 100), openmetrics=False) == 1
