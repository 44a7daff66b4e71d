"""The list of series: what was written can be read again, however long its labels are."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_metrics.tsdb.index import Fresh, Index
from paramedic_metrics.tsdb.serieslog import SeriesLog
from support_tsdb import labels


@pytest.mark.parametrize("how", ["append", "rewrite"])
def test_long_labels_are_read_again(tmp_path: Path, how: str) -> None:
    # Characters that JSON has as six bytes: 285 MB in all.
    count, filler = 5_000, "\x01" * 9_500
    index, fresh = Index(count), Fresh()
    index.add([labels(name="long", i=f"{i}{filler}") for i in range(count)], fresh)
    log = SeriesLog(tmp_path, Index(count))
    if how == "append":
        log.append(fresh.ids, fresh.labels)
    else:
        log.rewrite(index)
    log.close()
    found = Index(count)
    again = SeriesLog(tmp_path, found)
    again.close()
    assert again.damage == []
    assert found.labels_of(range(count)) == fresh.labels
