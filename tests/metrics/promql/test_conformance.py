"""Prometheus' own language tests, where they are: PROMQLTEST names their directory (testdata of promql/promqltest)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support_conformance import run

CORPUS = os.environ.get("PROMQLTEST", "")
NAMES = sorted(path.name for path in Path(CORPUS).glob("*.test")) if CORPUS else []


@pytest.mark.skipif(not NAMES, reason="PARAMEDIC_SLOW=1 with PROMQLTEST=DIRECTORY runs Prometheus' language tests")
@pytest.mark.parametrize("name", NAMES or ["none"])
def test_every_float_case_in_default_mode_passes(name: str) -> None:
    outcomes = list(run(Path(CORPUS) / name))
    assert outcomes
    wrong = [f"{o.case.line}: {o.case.query}: {o.problem}" for o in outcomes if o.group == "default" and o.problem]
    assert not wrong, "\n".join(wrong)
