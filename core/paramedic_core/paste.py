"""Pieces of the commands that messages tell a person to paste."""

from __future__ import annotations

import shlex
from pathlib import Path

from paramedic_core.settings import Settings


def data_flag(data: Path) -> str:
    """` --data DIR`, as one word of a shell; empty for the usual directory."""
    return "" if str(data) == Settings().data else f" --data {shlex.quote(str(data))}"
