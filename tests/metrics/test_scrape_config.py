"""A scrape file is Prometheus' own; its mistakes are all told at once, each with its place."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from paramedic_core.config.text import parse
from paramedic_core.errors import BadInput, ConfigError
from paramedic_core.model import Container, Endpoint, Port, State
from paramedic_core.world import World
from paramedic_metrics.scrape.config import Job, ScrapeFile, load, read
from paramedic_metrics.scrape.discovery import FileTargets, StaticTargets
from paramedic_metrics.scrape.targets import make_target


def given(text: str) -> ScrapeFile:
    return read(parse(text, "prometheus.yml"), "prometheus.yml")


WHOLE = """
global: {scrape_interval: 1m, scrape_timeout: 20s, external_labels: {site: a}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: app
    static_configs:
      - {targets: [localhost:9100, "b:1"], labels: {version: 1.10, on: yes}}
    relabel_configs:
      - {source_labels: [__address__], regex: "(.*):.*", target_label: host}
    metric_relabel_configs:
      - {action: labeldrop, regex: foo}
    basic_auth: {username: a, password: b}
    params: {"match[]": [up, "x y"]}
    body_size_limit: 10MB
    sample_limit: 500
  - {job_name: other, scrape_interval: 5s, honor_labels: true, scheme: https, metrics_path: /m}
"""


def test_a_whole_prometheus_file_is_read() -> None:
    found = given(WHOLE)
    app, other = found.jobs
    assert (app.interval, app.timeout, app.limits.body, app.limits.samples) == (60.0, 20.0, 10 << 20, 500)
    assert (other.interval, other.timeout, other.honor_labels, other.scheme) == (5.0, 5.0, True, "https")
    assert app.discoveries == (
        StaticTargets(
            (
                {"version": "1.10", "on": "yes", "__address__": "localhost:9100"},
                {"version": "1.10", "on": "yes", "__address__": "b:1"},
            )
        ),
    )
    assert [str(f) for f in found.findings] == [
        "prometheus.yml:3:1: rule_files: is not about scraping: paramedic passes it over"
    ]
    assert "password" not in repr(app.access) and "b" not in repr(app.access).removeprefix("Access(Basic)")


def test_every_mistake_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        given(
            """globl: 1
scrape_configs:
  - job_name: a
    scrape_intervall: 5s
    scrape_timeout: 5m
    sample_limit: many
    relabel_configs: [{regex: "("}, {action: hashmod, target_label: x}, {action: foo}]
    kubernetes_sd_configs: []
    static_configs: [{targets: ["http://x/y"], labels: {"": c}}]
  - job_name: a
    basic_auth: {username: a, password: b, password_file: c}
    authorization: {credentials: x}
    file_sd_configs: [{files: [targets.txt]}]
  - scheme: ftp
    docker_sd_configs: [{filters: [{name: colour, values: [red]}]}]
"""
        )
    lines = str(caught.value).splitlines()
    assert lines[0] == "18 settings are wrong:"
    for wanted in (
        "1:1: globl: there is no such setting: did you mean 'global'?",
        "4:5: scrape_configs[0].scrape_intervall: there is no such setting: did you mean 'scrape_interval'?",
        "5:21: scrape_configs[0].scrape_timeout: 300s is longer than the interval of 15s",
        "7:82: scrape_configs[0].relabel_configs[2].action: 'foo' is not known here",
        "9:33: scrape_configs[0].static_configs[0].targets: 'http://x/y' is no HOST:PORT",
        "10:15: scrape_configs[1].job_name: there is a job 'a' already",
        "13:32: scrape_configs[1].file_sd_configs[0].files: 'targets.txt' must end in .json, .yml or .yaml",
        "15:43: scrape_configs[2].docker_sd_configs[0].filters[0].name: 'colour' is not known here",
    ):
        assert any(line.strip().startswith(f"prometheus.yml:{wanted}") for line in lines), (wanted, lines)


def test_what_only_native_histograms_need_is_passed_over_and_said() -> None:
    found = given(
        """
global: {scrape_protocols: [PrometheusProto, PrometheusText0.0.4], metric_name_validation_scheme: utf8}
scrape_configs:
  - {job_name: a, scrape_native_histograms: true, scrape_protocols: [PrometheusProto]}
  - {job_name: b, scrape_native_histograms: false}
"""
    )
    assert [job.formats for job in found.jobs] == [("PrometheusText0.0.4",)] * 2
    assert [str(f).partition(": ")[2] for f in found.findings] == [
        "global.scrape_protocols: paramedic reads text and OpenMetrics, no protobuf",
        "scrape_configs[0].scrape_native_histograms: paramedic has no native histograms",
        "scrape_configs[0].scrape_protocols: paramedic reads text and OpenMetrics, no protobuf",
    ]


@pytest.mark.parametrize(
    "text",
    ["a: [", "- 1", "scrape_configs: 1", "scrape_configs: [1]", "global: []", "{a: &x 1}", "scrape_configs: {a: b}"],
)
def test_what_is_no_such_file_is_said(text: str) -> None:
    with pytest.raises(ConfigError):
        given(text)


def test_an_empty_file_names_nothing() -> None:
    assert given("").jobs == ()


def test_a_target_gets_the_labels_that_prometheus_gives_it() -> None:
    (job, _) = given(WHOLE).jobs
    target = make_target({"__address__": "localhost:9100", "version": "1", "__meta_x": "y"}, job)
    assert target is not None
    assert target.labels == (("host", "localhost"), ("instance", "localhost:9100"), ("job", "app"), ("version", "1"))
    assert target.url == "http://localhost:9100/metrics?match%5B%5D=up&match%5B%5D=x+y"


def test_relabelling_makes_address_scheme_path_params_and_times() -> None:
    (job,) = given(
        """
scrape_configs:
  - job_name: probe
    params: {module: [http_2xx]}
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {target_label: __address__, replacement: "exporter:9115"}
      - {target_label: __metrics_path__, replacement: /probe}
      - {target_label: __scheme__, replacement: https}
      - {target_label: __scrape_interval__, replacement: 30s}
      - {target_label: __scrape_timeout__, replacement: 1500ms}
      - {source_labels: [__param_target], target_label: instance}
"""
    ).jobs
    target = make_target({"__address__": "a.example"}, job)
    assert target is not None
    assert target.url == "https://exporter:9115/probe?module=http_2xx&target=a.example"
    assert (target.interval, target.timeout) == (30.0, 1.5)
    assert target.labels == (("instance", "a.example"), ("job", "probe"))


def test_files_are_read_again_and_a_broken_one_keeps_its_targets(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(
        "scrape_configs: [{job_name: a, file_sd_configs: [{files: ['t/*.json', t/x.yml]}]}]"
    )
    (tmp_path / "t").mkdir()
    (tmp_path / "t/1.json").write_text('[{"targets": ["a:1", "b:2"], "labels": {"k": "v"}}]')
    (tmp_path / "t/x.yml").write_text("- targets: [c:3]\n")
    (job,) = load(tmp_path / "p.yml").jobs
    (files,) = job.discoveries
    assert isinstance(files, FileTargets)
    assert [t["__address__"] for t in files.targets(None)] == ["a:1", "b:2", "c:3"]
    assert files.targets(None)[0] == {"__address__": "a:1", "k": "v", "__meta_filepath": str(tmp_path / "t/1.json")}
    (tmp_path / "t/1.json").write_text('[{"targets": ["a:1"')
    (tmp_path / "t/x.yml").write_text("- targets: [d:4]\n")
    assert [t["__address__"] for t in files.targets(None)] == ["a:1", "b:2", "d:4"]
    assert "1.json" in files.trouble
    (tmp_path / "t/1.json").unlink()
    assert [t["__address__"] for t in files.targets(None)] == ["d:4"]
    assert files.trouble == ""


def test_containers_come_from_the_world() -> None:
    (job,) = given(
        """
scrape_configs:
  - job_name: containers
    docker_sd_configs: [{host: "unix:///var/run/docker.sock", port: 8000}]
    relabel_configs:
      - {source_labels: [__meta_docker_container_label_com_docker_compose_service], regex: (.+), target_label: service}
      - {source_labels: [__meta_docker_container_name], regex: "/(.*)", target_label: container}
"""
    ).jobs
    one = Container(
        id="a" * 64,
        name="shop-api-1",
        state=State.RUNNING,
        network_mode="shop_default",
        labels={"com.docker.compose.service": "api"},
        endpoints=(Endpoint("shop_default", "n1", "172.18.0.3"), Endpoint("z", "n2", "172.19.0.3")),
        ports=(Port(9100), Port(53, "udp"), Port(80, "tcp", "0.0.0.0", 8080)),
    )
    sidecar = Container(id="b" * 64, name="side", state=State.RUNNING, network_mode=f"container:{one.id}")
    host = Container(id="c" * 64, name="on-host", state=State.RUNNING, network_mode="host")
    down = Container(id="d" * 64, name="down", state=State.EXITED, endpoints=one.endpoints)
    world = World("h", "e", 1, 0.0, containers={c.id: c for c in (one, sidecar, host, down)})
    (docker,) = job.discoveries
    assert docker.targets(None) == []
    assert "runtime" in docker.trouble
    found = docker.targets(world)
    made = [make_target(t, job) for t in found]
    assert [(t.address, dict(t.labels)["container"]) for t in made if t is not None] == [
        ("localhost:8000", "on-host"),
        ("172.18.0.3:80", "shop-api-1"),
        ("172.18.0.3:9100", "shop-api-1"),
        ("172.18.0.3:80", "side"),
        ("172.18.0.3:9100", "side"),
    ]
    assert dict(made[1].labels)["service"] == "api" if made[1] else False
    assert found[1]["__meta_docker_port_public"] == "8080"
    assert found[1]["__meta_docker_network_name"] == "shop_default"


def test_half_a_character_is_no_label() -> None:
    with pytest.raises(BadInput, match="half a character"):
        make_target({"__address__": "x", "a": "\udc80"}, Job("j"))


def test_the_default_job_is_whole() -> None:
    target = make_target({"__address__": "x"}, Job("node", socket="/run/collector.sock"))
    assert target is not None and target.socket == "/run/collector.sock"


ACCESS = """
scrape_configs:
  - job_name: a
    bearer_token: t
    fallback_scrape_protocol: OpenMetricsText1.0.0
    tls_config: {min_version: TLS12, max_version: TLS12}
    http_headers: {X-A: {values: ["1", "2"], secrets: ["3"], files: [f]}, X-B: {files: [/g]}}
    static_configs: [{targets: ["a:1"], labels: {my.label: v, ünï: w}}]
  - {job_name: b, bearer_token_file: token, fallback_scrape_protocol: PrometheusProto}
"""


def test_what_prometheus_takes_of_credentials_headers_and_labels_is_taken() -> None:
    found = read(parse(ACCESS, "/etc/p/prometheus.yml"), "/etc/p/prometheus.yml")
    a, b = found.jobs
    assert (a.access.authorization(), b.access.scheme, b.access.secret_file) == ("Bearer t", "Bearer", "/etc/p/token")
    assert a.access.headers == (("X-A", "1"), ("X-A", "2"), ("X-A", "3"))
    assert a.access.header_files == (("X-A", "/etc/p/f"), ("X-B", "/g"))
    context = a.access.tls()
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    assert b.access.tls().maximum_version == ssl.TLSVersion.TLSv1_3
    (discovered,) = a.discoveries[0].targets(None)
    target = make_target(discovered, a)
    assert target is not None
    assert dict(target.labels) == {"my.label": "v", "ünï": "w", "instance": "a:1", "job": "a"}
    assert (a.fallback, b.fallback) == ("OpenMetricsText1.0.0", "")
    assert ["no protobuf" in str(finding) for finding in found.findings] == [True]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("bearer_token: t, authorization: {credentials: c}", "authorization is given here too"),
        ("bearer_token: t, bearer_token_file: f", "bearer_token is given here too"),
        ("tls_config: {max_version: TLS11}", "TLS11 is before min_version, which is TLS12"),
        ('http_headers: {X-A: {values: ["a\\r\\nB: c"]}}', "no line breaks"),
        ("http_headers: {X A: {values: [a]}}", "no header's name"),
        ('static_configs: [{targets: ["a:1"], labels: {"": v}}]', "has no name"),
    ],
)
def test_a_mistake_in_credentials_headers_or_labels_is_told(more: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        given(f"scrape_configs: [{{job_name: a, {more}}}]")
