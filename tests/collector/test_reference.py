"""docs/reference/metrics.md is what the sources declare, and they emit nothing else."""

from __future__ import annotations

from pathlib import Path

from paramedic_collector.reference import page
from paramedic_collector.scrape import DURATION, SUCCESS, Scraper
from paramedic_collector.source import Context
from support_collector import NOW, blocks, container, paths, tree, v2, world

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/metrics.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m paramedic_collector.reference > docs/reference/metrics.md`"


def test_what_is_emitted_is_declared_with_its_type_and_labels(tmp_path: Path) -> None:
    c = container(finished_at=NOW)
    root = tree(tmp_path, v2(c))
    for emitted in (Context(now=NOW), Context(paths(root), NOW, world([c]))):
        scraper = Scraper(lambda emitted=emitted: emitted)  # type: ignore[misc]
        declared = {f.name: f for source in scraper.sources.values() for f in source.families}
        declared |= {f.name: f for f in (SUCCESS, DURATION)}
        for name, lines in blocks(scraper.scrape()).items():
            family = declared.get(name) or next(
                f for pattern, f in declared.items() if len(pattern) > 1 and name.startswith(pattern.rstrip("*"))
            )
            assert f"# TYPE {name} {family.kind}" in lines
            for line in lines:
                if not line.startswith("#") and "{" in line:
                    labels = [
                        pair.partition("=")[0] for pair in line[line.index("{") + 1 : line.rindex("}")].split('",')
                    ]
                    assert tuple(sorted(labels)) == family.labels, line
        scraper.close()
