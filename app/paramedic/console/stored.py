"""Stored metrics, read where they lie: without a hub, or beside one that goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.console.peers import NoRights
from paramedic_core.sys.query import Result, result_of

if TYPE_CHECKING:
    from paramedic_metrics.promql.results import Answer

_MOST_SAMPLES = 50_000_000


@contextmanager
def readable(folder: Path) -> Iterator[Path]:
    """The store's folder; what the system refuses is said in words."""
    try:
        yield folder
    except PermissionError as error:
        raise NoRights(f"no right to {error.filename}: call this as root (`sudo paramedic …`)") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}: look at that disk") from error


class Stored:
    """Asks a store as `Query` asks a server.

    Args:
        folder: the store's.
        timeout: seconds that each answer may take.

    Raises:
        BadInput: there is no store.
        OSError: it cannot be read.
    """

    def __init__(self, folder: Path, timeout: float) -> None:
        # NumPy takes longer to import than most commands take.
        from paramedic_metrics.promql.cursor import Options  # noqa: PLC0415
        from paramedic_metrics.promql.engine import Engine  # noqa: PLC0415
        from paramedic_metrics.promql.run import Limits  # noqa: PLC0415
        from paramedic_metrics.tsdb.view import View  # noqa: PLC0415

        self._view = View(folder)
        # No hub and its settings stand between: whoever reads the files may use all that there is.
        options = Options(experimental_functions=True)
        self._engine = Engine(self._view, Limits(timeout=timeout, max_samples=_MOST_SAMPLES), options=options)

    @cached_property
    def newest(self) -> float:
        """The last moment that there is, Unix seconds; 0 for none."""
        return self._view.span()[1] / 1000

    @property
    def damaged(self) -> bool:
        """Whether something could not be read so far."""
        return bool(self._view.damaged)

    def instant(self, expression: str, at: float | None) -> Result:
        """The value at one moment, the last that there is for None; raises as `Engine.instant`."""
        return _result(self._engine.instant(expression, round((self.newest if at is None else at) * 1000)))

    def range(self, expression: str, start: float, end: float, step: float) -> Result:
        """The values from `start` to `end`, `step` apart, all in seconds; raises as `Engine.range`."""
        return _result(self._engine.range(expression, round(start * 1000), round(end * 1000), round(step * 1000)))


def _result(answer: Answer) -> Result:
    import json  # noqa: PLC0415  as above

    from paramedic_metrics.answer.json import framed  # noqa: PLC0415
    from paramedic_metrics.answer.results import rendered  # noqa: PLC0415

    parts, warnings = rendered(answer)
    return result_of(json.loads(b"".join(framed(parts, warnings, answer.infos))))
