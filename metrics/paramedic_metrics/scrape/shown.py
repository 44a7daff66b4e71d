"""Jobs as a file would have them, secrets hidden: for people who ask what is scraped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paramedic_metrics.scrape.config import Job
from paramedic_metrics.scrape.relabel import Rule
from paramedic_metrics.scrape.targets import duration_text

_HIDDEN = "<secret>"


def shown_jobs(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Each job's entry of `scrape_configs`, without what is as it would be anyway."""
    return [_job(job) for job in jobs]


def _job(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {
        "job_name": job.name,
        "scrape_interval": duration_text(job.interval),
        "scrape_timeout": duration_text(job.timeout),
        "metrics_path": job.path,
        "scheme": job.scheme,
        "honor_labels": job.honor_labels,
        "honor_timestamps": job.honor_timestamps,
    }
    if job.fallback:
        found["fallback_scrape_protocol"] = job.fallback
    if job.params:
        found["params"] = {name: list(values) for name, values in job.params}
    limits = {
        "body_size_limit": job.limits.body,
        "sample_limit": job.limits.samples,
        "label_limit": job.limits.labels,
        "label_name_length_limit": job.limits.label_name,
        "label_value_length_limit": job.limits.label_value,
        "target_limit": job.limits.targets,
    }
    found |= {name: value for name, value in limits.items() if value}
    access = job.access
    if access.scheme == "Basic":
        found["basic_auth"] = {"username": access.username or access.username_file, "password": _HIDDEN}
    elif access.scheme:
        found["authorization"] = {"type": access.scheme, "credentials": _HIDDEN}
    if job.relabel:
        found["relabel_configs"] = [_rule(rule) for rule in job.relabel]
    if job.metric_relabel:
        found["metric_relabel_configs"] = [_rule(rule) for rule in job.metric_relabel]
    return found


def _rule(rule: Rule) -> dict[str, Any]:
    plain = Rule()
    names = ("source_labels", "separator", "regex", "modulus", "target_label", "replacement")
    given = {name: getattr(rule, name) for name in names if getattr(rule, name) != getattr(plain, name)}
    if rule.source_labels:
        given["source_labels"] = list(rule.source_labels)
    return {**given, "action": rule.action}
