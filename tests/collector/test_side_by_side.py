"""Beside node_exporter 1.12 on this machine: the same families and series, and values between two readings of it."""

from __future__ import annotations

import pytest

from support_bench_collector import collector, peer
from support_collector import node_exporter
from support_compare import compare, expressions, metrics_of

OPTIONAL = ("interrupts", "processes", "tcpstat")
pytestmark = pytest.mark.root  # to give both the same user id


def test_what_both_tell_is_the_same() -> None:
    """Both over HTTP: the connection that asks is itself among the sockets and files that are told of."""
    binary = node_exporter()
    flags = [f"--collector.{name}" for name in OPTIONAL]
    settings = {"collector.enable": ",".join(OPTIONAL)}
    with collector(settings) as ours, peer("node_exporter", binary, *flags, like=ours) as theirs:
        found = compare(lambda: ours.scrape().decode(), lambda: theirs.scrape().decode())
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
