"""What is dumped is what is stored: every sample once, series by series, in the format that promtool takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paramedic_metrics.promql.parser import parse_selector
from paramedic_metrics.series import STALE, Labels
from paramedic_metrics.tsdb import dump
from paramedic_metrics.tsdb.view import View
from support_tsdb import EVER, Rig, Samples, bits_of, fill, flip, labels

ODD = (("__name__", "odd.name"), ("job", 'a"b\\c\nd'), ("odd label", "x"))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "metrics")
    yield rig
    rig.store.stop()


def filled(rig: Rig) -> Samples:
    """Two parts and a log."""
    expected: Samples = {}
    for count in (200, 30):
        expected |= fill(rig, count)
        rig.store.upkeep.seal_all()
    return expected | fill(rig, 20)


def text_of(rig: Rig, *selectors: str, start: int = EVER[0], end: int = EVER[1]) -> list[str]:
    wanted = [parse_selector(text) for text in selectors]
    return list(dump.dump(View(rig.folder), wanted, start, end))


def parsed(lines: list[str]) -> Samples:
    """The simple lines of `fill`."""
    assert lines[-1] == "# EOF\n"
    found: Samples = {}
    order: list[Labels] = []
    for line in lines[:-1]:
        match = re.fullmatch(r'(\w+)\{i="(\d+)",job="node"\} (\S+) (\d+)\.(\d{3})\n', line)
        assert match, line
        one = labels(name=match[1], i=match[2], job="node")
        if not order or order[-1] != one:
            order.append(one)
        key = one, int(match[4] + match[5])
        assert key not in found
        found[key] = bits_of(float(match[3]))
    assert order == sorted(set(order)), "a series is not in one piece"
    return found


def test_everything_beside_a_store_in_use(rig: Rig) -> None:
    expected = filled(rig)
    assert parsed(text_of(rig)) == expected


@pytest.mark.parametrize("room", [1, 7, 300, 1000])
def test_a_bounded_number_at_once_is_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    filled(rig)
    whole = text_of(rig)
    monkeypatch.setattr(dump, "_AT_ONCE", room)
    assert text_of(rig) == whole


def test_some_series_and_some_time(rig: Rig) -> None:
    expected = filled(rig)
    moments = sorted({t for _, t in expected})
    start, end = moments[20], moments[210]
    found = parsed(text_of(rig, "m1", '{i="7"}', start=start, end=end))
    assert found == {
        key: value
        for key, value in expected.items()
        if start < key[1] <= end and (dict(key[0])["__name__"] == "m1" or dict(key[0])["i"] == "7")
    }
    assert text_of(rig, "nothing") == ["# EOF\n"]


def test_values_and_names_of_every_kind(rig: Rig) -> None:
    ids = rig.store.ids([ODD])
    values = [0.1, float("nan"), float("inf"), -float("inf"), 1e300, -0.0, STALE]
    times = np.arange(len(values)) * 1000 + rig.now
    rig.store.write(np.repeat(ids, len(values)), times, np.array(values))
    head = '{"odd.name",job="a\\"b\\\\c\\nd","odd label"="x"}'
    told = ["0.1", "NaN", "+Inf", "-Inf", "1e+300", "-0.0"]
    wanted = [f"{head} {v} {dump.seconds(int(t))}\n" for v, t in zip(told, times.tolist(), strict=False)]
    assert text_of(rig) == [*wanted, "# EOF\n"]


def test_what_is_damaged_is_missing_and_said(rig: Rig) -> None:
    filled(rig)
    rig.store.stop()
    path = min((rig.folder / "parts").glob("*.part"))
    flip(path, 100)
    view = View(rig.folder)
    found = parsed(list(dump.dump(view, [], *EVER)))
    assert len(found) == 50 * 20
    assert view.damaged


def test_promtool_makes_blocks_of_it(rig: Rig, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool (Debian: prometheus)")
    expected = filled(rig)
    (tmp_path / "samples").write_text("".join(text_of(rig)))
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", tmp_path / "samples", tmp_path / "blocks"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [promtool, "tsdb", "list", tmp_path / "blocks"], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    at = listed.splitlines()[0].replace("MIN TIME", "MIN").replace("MAX TIME", "MAX").replace("BLOCK ULID", "ULID")
    column = at.replace("NUM ", "").split().index("SAMPLES")
    assert sum(int(row[column]) for row in rows) == len(expected)
