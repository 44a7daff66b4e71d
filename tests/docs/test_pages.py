"""Pages are where they should be, and their links lead somewhere."""

from __future__ import annotations

import pytest

from support_docs import headings, links, pages
from support_repo import ROOT, packages

HEADINGS = ("what it is", "configuration", "metrics", "ready", "examples", "limits")
PARTS = sorted({package.parts[0] for package in packages()} - {"app"})


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_a_readme_with_the_fixed_headings(part: str) -> None:
    page = ROOT / part / "README.md"
    assert page.exists(), f"{part}/README.md is missing: its headings are {', '.join(HEADINGS)}"
    found = headings(page.read_text())
    missing = [wanted for wanted in HEADINGS if not any(wanted in heading for heading in found)]
    assert not missing, f"{part}/README.md has no heading with: {missing}"


def test_every_link_leads_somewhere() -> None:
    dead = [f"{page}: {target}" for page, target in links() if not (ROOT / page.parent / target).exists()]
    assert not dead


def test_the_four_kinds_of_page_are_there() -> None:
    for kind in ("tutorial", "how-to", "reference", "explanation", "decisions"):
        assert list((ROOT / "docs" / kind).glob("*.md")), f"docs/{kind} has no page"


def test_every_page_of_docs_is_linked_from_another() -> None:
    linked = {(ROOT / page.parent / target).resolve() for page, target in links()}
    orphans = [str(page) for page in pages() if page.parts[0] == "docs" and (ROOT / page).resolve() not in linked]
    assert not orphans, f"no page links to {orphans}"
