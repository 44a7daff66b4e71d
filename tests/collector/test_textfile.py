"""Files that others leave, right and wrong."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.exposition import Exposition, render
from paramedic_collector.promfile import parse
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context, Source
from paramedic_collector.sources.loadavg import Loadavg
from paramedic_collector.sources.textfile import Textfile
from paramedic_core.node_settings import TextfileSettings
from paramedic_core.settings import CollectorSettings
from support_collector import NOW, samples, tree


def _context(folder: Path) -> Context:
    return Context(now=NOW, settings=CollectorSettings(textfile=TextfileSettings((str(folder),))))


def _collect(source: Source, folder: Path) -> tuple[dict[str, float], str]:
    out = Exposition()
    source.collect(_context(folder), out)
    return samples(render([out])), out.problem


def test_a_wrong_file_hides_no_other(tmp_path: Path) -> None:
    tree(tmp_path, {"a.prom": "backup_seconds 12\n", "b.prom": "no sample here\n", "c.txt": "not_mine 1\n"})
    found, problem = _collect(Textfile(), tmp_path)
    assert found["backup_seconds"] == 12
    assert found["node_textfile_scrape_error"] == 1
    assert "not_mine" not in found
    assert problem == f"not all of the files could be used: {tmp_path}/b.prom: line 1: no sample: 'no sample here'"


def test_each_of_several_wrong_files_is_named(tmp_path: Path) -> None:
    tree(tmp_path, {f"{n:02}.prom": "no sample here\n" for n in range(12)})
    _, problem = _collect(Textfile(), tmp_path)
    assert [f"{n:02}.prom" in problem for n in range(12)] == [True] * 10 + [False] * 2
    assert problem.endswith("; and 2 more")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    tree(tmp_path, {"a.prom": "backup_seconds 12\n"})
    os.mkfifo(tmp_path / "b.prom")
    found, problem = _collect(Textfile(), tmp_path)
    assert found["backup_seconds"] == 12
    assert problem == f"not all of the files could be used: {tmp_path}/b.prom: it is no regular file"


@pytest.mark.parametrize(
    "text",
    [
        "a 1\na 2\n",
        "a 1 1700000000\n",
        'a{x="1",x="2"} 1\n',
        'a{x="\\q"} 1\n',
        "a{x=1} 1\n",
        "a one\n",
        "# TYPE a sort\na 1\n",
        "a 1\n# TYPE a gauge\n",
        "1a 1\n",
        "a\n",
    ],
)
def test_what_is_not_in_the_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line "):
        parse(text)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    source = Textfile()
    tree(tmp_path, {"a.prom": "a 1\n"})
    os.utime(tmp_path / "a.prom", (1000, 1000))
    assert _collect(source, tmp_path)[0] == {
        "a": 1,
        "node_textfile_scrape_error": 0,
        f'node_textfile_mtime_seconds{{file="{tmp_path}/a.prom"}}': 1000,
    }
    tree(tmp_path, {"a.prom": "a 2\n"})
    assert _collect(source, tmp_path)[0]["a"] == 2
    (tmp_path / "a.prom").unlink()
    assert _collect(source, tmp_path)[0] == {"node_textfile_scrape_error": 0}


def test_a_family_that_a_source_has_too_keeps_the_text_whole(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "a.prom": '# TYPE node_load1 gauge\nnode_load1 99\nnode_load1{who="me"} 98\n',
            "b.prom": "# TYPE node_load5 counter\nnode_load5 1\n",
        },
    )
    scraper = Scraper(lambda: _context(tmp_path), {"loadavg": Loadavg(), "textfile": Textfile()})
    text = scraper.scrape()
    families = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    found = samples(text)
    assert found['node_load1{who="me"}'] == 98
    assert found["node_load1"] != 99
    assert text.count("node_load1 ") - text.count("# HELP node_load1 ") - text.count("# TYPE node_load1 ") == 1
    assert text.count("# TYPE node_load5 ") == 1
    scraper.close()


@pytest.mark.parametrize(
    "line",
    [
        "a" + " " * 60_000 + "{",
        "a 1" + " " * 60_000 + "x",
        "a{" + "}" * 60_000,
        'a{x="' + "\\n" * 30_000,
        "a{" + 'x="",' * 12_000 + "} 1",
        "# HELP a" + " " * 60_000,
    ],
)
def test_no_line_takes_long(line: str) -> None:
    """Each would take minutes, and hold up every other source, if it were tried in all ways."""
    assert len(line) <= 65_536
    with contextlib.suppress(ValueError):
        parse(line + "\nb 1\n")


@given(st.text(max_size=200))
def test_no_text_breaks_it_and_what_it_takes_is_right(text: str) -> None:
    try:
        families = parse(text)
    except ValueError:
        return
    lines = [start + value for family in families for start, value in family.samples.items()]
    read = [s for f in text_string_to_metric_families("\n".join(lines) + "\n") for s in f.samples]
    assert len(read) == len(lines)
