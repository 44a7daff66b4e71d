"""The list of series: what was written can be read again, however long its labels are."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_metrics.tsdb import twin
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


def test_it_is_not_made_larger_than_what_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin, "MOST_FILE", 5_000)
    index, fresh = Index(1_000), Fresh()
    index.add([labels(name="m", i=str(i), other=f"{i * 7919:x}") for i in range(1_000)], fresh)
    log = SeriesLog(tmp_path, Index(1_000))
    log.append(fresh.ids[:100], fresh.labels[:100])
    with pytest.raises(StoreUnavailable, match=r"would be larger than 5000 bytes .* drop labels with long values"):
        log.append(fresh.ids[100:], fresh.labels[100:])
    with pytest.raises(OSError, match="would be larger than 5000 bytes"):
        log.rewrite(index)
    log.close()
    found = Index(1_000)
    SeriesLog(tmp_path, found).close()
    assert found.labels_of(range(len(found))) == fresh.labels[:100]
