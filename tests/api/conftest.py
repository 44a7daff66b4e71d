"""One hub for the tests that only read, so that they stay fast."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_hub import Stand, stand


@pytest.fixture(scope="session")
def reading() -> Iterator[Stand]:
    """A hub that knows the whole shop. Tests that use it change nothing."""
    with stand() as found:
        found.wait_known()
        yield found


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for sockets' names."""
    with tempfile.TemporaryDirectory(prefix="pm", dir="/tmp") as folder:
        yield Path(folder)
