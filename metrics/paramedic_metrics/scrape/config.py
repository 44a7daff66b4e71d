"""`scrape_configs` in Prometheus' own syntax (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config).

A whole prometheus.yml may be given: the sections that are not about scraping are passed over, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paramedic_core.config.mistakes import Finding, Mistake, Place, summary
from paramedic_core.config.text import Node, Parsed, read_file
from paramedic_core.errors import ConfigError
from paramedic_metrics.scrape.discovery import Discovery, discoveries
from paramedic_metrics.scrape.fields import Section
from paramedic_metrics.scrape.relabel import Rule
from paramedic_metrics.scrape.rules import rules
from paramedic_metrics.scrape.transport import Access, access

_FORMATS = (
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
)
OPEN_FORMATS = _FORMATS[1:3]
"""Those of OpenMetrics."""
_PASSED_OVER = ("rule_files", "alerting", "remote_write", "remote_read", "storage", "tracing", "runtime", "otlp")
_ABSENT = {"scrape_config_files": "paramedic reads one file: put these jobs into it"}
_HISTOGRAMS = (
    "scrape_native_histograms",
    "scrape_classic_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
)
_OTHERS = (
    "metric_name_validation_scheme",
    "metric_name_escaping_scheme",
    "extra_scrape_metrics",
    "scrape_failure_log_file",
)
"""Known, and without effect."""
OWN = "paramedic/"
"""What the pools of paramedic's own jobs begin with; no job of a file may."""
MOST_BODY = 64 << 20
"""Bytes of an exposition, unpacked, where `body_size_limit` says nothing."""
_MOST_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What makes a scrape fail; 0 is none."""

    body: int = 0
    samples: int = 0
    labels: int = 0
    label_name: int = 0
    label_value: int = 0
    targets: int = 0
    keep_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of `scrape_configs`; durations in seconds."""

    name: str
    interval: float = 15.0
    timeout: float = 10.0
    path: str = "/metrics"
    scheme: str = "http"
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    compression: bool = True
    formats: tuple[str, ...] = (
        "OpenMetricsText1.0.0",
        "OpenMetricsText0.0.1",
        "PrometheusText1.0.0",
        "PrometheusText0.0.4",
    )
    fallback: str = ""
    """One of the formats, for answers that do not say theirs; they are read as text otherwise."""
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    relabel: tuple[Rule, ...] = ()
    metric_relabel: tuple[Rule, ...] = ()
    discoveries: tuple[Discovery, ...] = ()
    socket: str = ""
    """A unix socket to ask instead of addresses: the roles of this host."""
    pool: str = ""
    """Its name on the targets page; the job's name unless given."""
    spread: bool = True
    """Whether targets are asked first at moments spread over the interval, or all at once as soon as they are known."""


@dataclass(frozen=True, slots=True)
class ScrapeFile:
    """What one file says."""

    jobs: tuple[Job, ...] = ()
    findings: tuple[Finding, ...] = ()


def load(path: Path | str, interval: float = 15.0) -> ScrapeFile:
    """Read and check a file.

    Args:
        path: the file.
        interval: seconds, where neither the job nor `global` says.

    Raises:
        ConfigError: its text lists every mistake there is, each with file, line and column.
    """
    return read(read_file(Path(path)), str(path), interval)


def read(parsed: Parsed, name: str, interval: float = 15.0) -> ScrapeFile:
    """As `load`, from a text that was parsed already."""
    mistakes = list(parsed.mistakes)
    found: ScrapeFile = ScrapeFile()
    if parsed.root is not None:
        found = _file(parsed.root, name, interval, mistakes)
    if mistakes:
        mistakes.sort(key=lambda m: (m.place.line, m.place.column))
        raise ConfigError(summary(mistakes), mistakes=mistakes)
    return found


def _file(root: Node, name: str, interval: float, mistakes: list[Mistake]) -> ScrapeFile:
    top = Section(root, "", mistakes)
    findings: list[Finding] = []
    shared, limits = _global(top.section("global"), interval, findings)
    findings += [
        Finding(node.named_at, key, "is not about scraping: paramedic passes it over")
        for key in _PASSED_OVER
        if (node := top.at(key)) is not None
    ]
    jobs: list[Job] = []
    for section in top.sections("scrape_configs")[:_MOST_JOBS]:
        job = _job(section, shared, limits, findings)
        if job.name.startswith(OWN):
            section.wrong(
                section.at("job_name"), "job_name", f"names with {OWN!r} before them are of paramedic's own jobs"
            )
        if any(j.name == job.name for j in jobs):
            section.wrong(section.at("job_name"), "job_name", f"there is a job {job.name[:60]!r} already")
        jobs.append(job)
    top.rest(lambda key: _ABSENT.get(key, ""))
    if not jobs and not mistakes:
        findings.append(Finding(Place(name), "", "names no scrape_configs"))
    return ScrapeFile(tuple(jobs), tuple(findings))


def _global(section: Section, interval: float, findings: list[Finding]) -> tuple[Job, Limits]:
    every = section.duration("scrape_interval", interval)
    timeout = section.duration("scrape_timeout", min(10.0, every))
    for name in ("evaluation_interval", "external_labels", "query_log_file", "rule_query_offset", "runtime"):
        section.at(name)
    findings += _native(section)
    shared = Job("", every, timeout, formats=_formats(section, Job("").formats, findings))
    limits = _limits(section, Limits())
    section.rest()
    return shared, limits


def _limits(section: Section, above: Limits) -> Limits:
    return Limits(
        section.size("body_size_limit", above.body),
        section.count("sample_limit", above.samples),
        section.count("label_limit", above.labels),
        section.count("label_name_length_limit", above.label_name),
        section.count("label_value_length_limit", above.label_value),
        section.count("target_limit", above.targets),
        section.count("keep_dropped_targets", above.keep_dropped),
    )


def _formats(section: Section, above: Sequence[str], findings: list[Finding]) -> tuple[str, ...]:
    named = []
    for text, node in section.texts("scrape_protocols"):
        if text not in _FORMATS:
            section.wrong(node, "scrape_protocols", f"{text[:60]!r} is not known here", _FORMATS)
        elif text == "PrometheusProto":
            findings.append(
                Finding(
                    node.place, f"{section.path}.scrape_protocols", "paramedic reads text and OpenMetrics, no protobuf"
                )
            )
        else:
            named.append(text)
    return tuple(named) or tuple(above)


def _fallback(section: Section, findings: list[Finding]) -> str:
    name = "fallback_scrape_protocol"
    node = section.at(name)
    if node is None or node.value is None:
        return ""
    found = section.word(name, _FORMATS[3], _FORMATS)
    if found == "PrometheusProto":
        findings.append(
            Finding(node.place, f"{section.path}.{name}", "paramedic reads text and OpenMetrics, no protobuf")
        )
        return ""
    return found


def _job(section: Section, shared: Job, limits: Limits, findings: list[Finding]) -> Job:
    every, timeout = _times(section, shared)
    findings += _native(section)
    job = Job(
        name=section.text("job_name", needed=True),
        interval=every,
        timeout=timeout,
        path=section.text("metrics_path", "/metrics"),
        scheme=section.word("scheme", "http", ("http", "https")),
        params=_params(section),
        honor_labels=section.flag("honor_labels", default=False),
        honor_timestamps=section.flag("honor_timestamps", default=True),
        track_timestamps_staleness=section.flag("track_timestamps_staleness", default=False),
        compression=section.flag("enable_compression", default=True),
        formats=_formats(section, shared.formats, findings),
        fallback=_fallback(section, findings),
        limits=_limits(section, limits),
        access=access(section),
        relabel=rules(section, "relabel_configs"),
        metric_relabel=rules(section, "metric_relabel_configs"),
        discoveries=discoveries(section),
    )
    section.rest(_absent)
    return replace(job, pool=job.name)


def _native(section: Section) -> list[Finding]:
    for name in _OTHERS:
        section.at(name)
    return [
        Finding(node.named_at, f"{section.path}.{name}", "paramedic has no native histograms")
        for name in _HISTOGRAMS
        if (node := section.at(name)) is not None and node.value is not False
    ]


def _times(section: Section, shared: Job) -> tuple[float, float]:
    every = section.duration("scrape_interval", shared.interval)
    timeout = section.duration("scrape_timeout", min(shared.timeout, every))
    if every <= 0:
        section.wrong(section.at("scrape_interval"), "scrape_interval", "must be more than 0")
    if timeout > every:
        section.wrong(
            section.at("scrape_timeout"), "scrape_timeout", f"{timeout:g}s is longer than the interval of {every:g}s"
        )
    return max(every, 0.1), max(min(timeout, every), 0.05)


def _params(section: Section) -> tuple[tuple[str, tuple[str, ...]], ...]:
    inner = section.section("params")
    return tuple((name, tuple(text for text, _ in inner.texts(name))) for name in inner.keys())  # noqa: SIM118  no mapping


def _absent(name: str) -> str:
    if name.endswith("_sd_configs"):
        return "paramedic has no such discovery: static_configs, file_sd_configs, http_sd_configs and docker_sd_configs there are"
    if name in ("oauth2", "sigv4", "azuread", "google_iam"):
        return "paramedic has basic_auth and authorization only"
    if name.startswith("proxy_") or name == "no_proxy":
        return "paramedic scrapes without a proxy"
    return ""
