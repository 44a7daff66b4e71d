"""Beside node_exporter 1.12 on this machine: the same families and series, and values between two readings of it."""

from __future__ import annotations

import time

import pytest

from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from paramedic_core.settings import CollectorSettings
from support_bench_collector import peer
from support_collector import node_exporter
from support_compare import compare, expressions, metrics_of

OPTIONAL = ("interrupts", "processes", "tcpstat")
pytestmark = pytest.mark.root  # so that both may look at every mount


def test_what_both_tell_is_the_same() -> None:
    binary = node_exporter()
    settings = CollectorSettings(enable=OPTIONAL)
    scraper = Scraper(lambda: Context(now=time.time(), settings=settings), settings=settings)
    with peer("node_exporter", binary, *(f"--collector.{name}" for name in OPTIONAL)) as theirs:
        found = compare(scraper.scrape, lambda: theirs.scrape().decode())
    scraper.close()
    assert found.families > 200
    assert (found.header, found.only_here, found.only_there, found.values, found.missing) == (
        {},
        set(),
        set(),
        {},
        set(),
    )


def test_expressions_of_a_dashboard_are_found() -> None:
    text = """{"panels": [{"targets": [{"expr": "a"}], "panels": [{"targets": [{"expr": "node_load1{job=\\"node_x\\"} / ignoring(cpu) rate(node_cpu_seconds_total[5m])"}, {}]}]}]}"""
    one, other = expressions(text)
    assert (one, metrics_of(other)) == ("a", {"node_load1", "node_cpu_seconds_total"})
