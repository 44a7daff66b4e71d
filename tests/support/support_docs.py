"""The documentation as data: its pages, their headings, links and fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support_repo import ROOT, files

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    note: str
    """What follows the language, as `compose` in "yaml compose"."""
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> dict[Path, str]:
    """Every page of documentation, by its path."""
    return {f: (ROOT / f).read_text(encoding="utf-8") for f in files() if f.suffix == ".md"}


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks in these languages."""
    found = []
    for page, text in pages().items():
        for match in _FENCE.finditer(text):
            language, _, note = match["info"].strip().partition(" ")
            if language in languages:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(page, line, language, note, match["text"]))
    return found


def links() -> Iterator[tuple[Path, str]]:
    """Every link to another file of the repository: the page, and the link without its fragment."""
    for page, text in pages().items():
        for target in _LINK.findall(_FENCE.sub("", text)):
            if "://" not in target and not target.startswith(("#", "mailto:")):
                yield page, target.partition("#")[0]


def headings(text: str) -> list[str]:
    """A page's headings, lower-case."""
    return [line.lstrip("# ").strip().lower() for line in _FENCE.sub("", text).splitlines() if line.startswith("#")]
