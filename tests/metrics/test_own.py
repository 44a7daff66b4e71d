"""The jobs that every hub has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from paramedic_core.settings import Settings
from paramedic_metrics.own import ROLES, own_jobs
from paramedic_metrics.scrape.transport import headers_of


def test_what_is_ours_is_asked_in_the_format_whose_families_are_named_as_their_series(tmp_path: Path) -> None:
    asked = {
        job.pool: headers_of(job.formats, 10.0, compression=True)["Accept"]
        for job in own_jobs(Settings(), tmp_path, "tuna")
        if not job.pool.endswith("containers")
    }
    assert len(asked) == 1 + len(ROLES)
    assert all("text/plain;version=0.0.4" in accept and "openmetrics" not in accept for accept in asked.values())


def test_our_own_rule_drops_without_re2(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from paramedic_core.settings import Settings
from paramedic_metrics.own import own_jobs
from paramedic_metrics.scrape.relabel import relabel
rules = next(job for job in own_jobs(Settings(), Path(sys.argv[1]), "tuna") if job.name == "paramedic").metric_relabel
kept = [name for name in sys.argv[2:] if relabel({"__name__": name}, rules)]
print(*kept, "re2" in sys.modules)
"""
    names = ["paramedic_acts_created", "paramedic_acts_total", "up_created", "paramedic_created_total"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["paramedic_acts_total", "up_created", "paramedic_created_total", "False"]
