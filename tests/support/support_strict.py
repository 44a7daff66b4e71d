"""Fast tests first; and on CI a skipped test is a failed test: there, everything that tests need is installed."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

STRICT = os.environ.get("CI") == "true"


SLOW = ("engine", "web", "root")
OPT_IN = "PARAMEDIC_SLOW=1"
"""In a skip's reason: nothing is missing, a person chooses the test that takes long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses an engine, and let the fast tests go first."""
    for item in items:
        if {"private_engine", "own_engine"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("engine")
    items.sort(key=lambda item: any(item.get_closest_marker(name) for name in SLOW))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a test's skip into a failure, with its reason."""
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module's skip into a failure, with its reason."""
    report = yield
    if STRICT and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if OPT_IN in reason:
        return
    report.outcome = "failed"
    report.longrepr = f"skipped, and CI=true allows no skips: {reason}"
