"""Plain aligned tables that fit the terminal; what is too wide is wrapped, nothing is cut off."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from paramedic.console.words import clean

COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "faint": "bright_black"}
_GAP = 2
_LEAST_FLEX = 24
_LEAST = 16
"""Columns that a long name keeps where others need the room."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a meaning; it is coloured on a terminal only."""

    text: str
    tone: str = ""
    """good, warn, bad, faint, or nothing."""


def coloured() -> bool:
    """Whether stdout takes colours: a terminal does, unless NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def tinted(text: str, tone: str) -> str:
    """A text in the colour of its tone, where colours are taken."""
    return click.style(text, fg=COLOURS[tone]) if tone and coloured() else text


def terminal_width() -> int | None:
    """Columns; None when nobody looks at it, and nothing has to fit."""
    return max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def show(titles: Sequence[str], rows: Iterable[Sequence[Cell | str]], *, right: Iterable[str] = ()) -> None:
    """Print a table; the last column flexes.

    Args:
        titles: the columns.
        rows: one cell a column; foreign text is made harmless here.
        right: the columns that are aligned to the right.
    """
    for line in render(titles, rows, right=right, width=terminal_width()):
        click.echo(line)


def render(
    titles: Sequence[str], rows: Iterable[Sequence[Cell | str]], *, right: Iterable[str] = (), width: int | None = None
) -> list[str]:
    """The lines of a table, at most `width` columns wide where the other columns leave room."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([columns(title), *(columns(row[i].text) for row in cells)]) for i, title in enumerate(titles)]
    if width is not None:
        _fit(widths, width - _GAP * (len(titles) - 1))
    rights = {i for i, title in enumerate(titles) if title in set(right)}
    lines = [_line([[Cell(t, "faint")] for t in titles], widths, rights)]
    for row in cells:
        wrapped = [_wrapped(cell, most) for cell, most in zip(row, widths, strict=True)]
        lines.append(_line(wrapped, widths, rights))
    return "\n".join(lines).split("\n")


def _fit(widths: list[int], room: int) -> None:
    """Make the last column narrower, and where that is not enough the widest of the others."""
    flex = min(widths[-1], _LEAST_FLEX)
    while sum(widths[:-1]) + flex > room and (widest := max(widths[:-1], default=0)) > _LEAST:
        widths[widths.index(widest)] = max(_LEAST, widest - (sum(widths[:-1]) + flex - room))
    widths[-1] = min(widths[-1], max(_LEAST_FLEX, room - sum(widths[:-1])))


def _wrapped(cell: Cell, width: int) -> list[Cell]:
    if columns(cell.text) <= width:
        return [cell]
    return [Cell(part, cell.tone) for part in textwrap.wrap(cell.text, max(1, width))] or [Cell("")]


def columns(text: str) -> int:
    """How many columns a text takes: two for a wide character, none for a mark on the one before."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cell(value: Cell | str) -> Cell:
    return Cell(clean(value.text), value.tone) if isinstance(value, Cell) else Cell(clean(value))


def _line(cells: list[list[Cell]], widths: list[int], rights: set[int]) -> str:
    lines = []
    for row in range(max(len(parts) for parts in cells)):
        texts = []
        for i, parts in enumerate(cells):
            cell = parts[row] if row < len(parts) else Cell("")
            room = " " * (widths[i] - columns(cell.text))
            text = tinted(cell.text, cell.tone) if cell.text else ""
            texts.append(room + text if i in rights else text + room)
        lines.append((" " * _GAP).join(texts).rstrip())
    return "\n".join(lines)
