"""The jobs that every hub has."""

from __future__ import annotations

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
