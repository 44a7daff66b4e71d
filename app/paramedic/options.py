"""What `paramedic run` was told, and how it is handed to the process that becomes the supervisor."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from paramedic_core.codec import from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    roles: tuple[str, ...] = ()
    """Empty: all."""
    files: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    """`key=value`."""
    data: str = ""
    log_level: str = ""

    def command(self) -> list[str]:
        """The command that becomes the supervisor; `-P` keeps the current folder from being imported from.

        Without columns (`no_debug_ranges`) a trace still names file and line, and all roles take 1 MB less.
        """
        return [sys.executable, "-X", "no_debug_ranges", "-P", "-m", "paramedic.supervise", json.dumps(to_plain(self))]

    @staticmethod
    def of(text: str) -> Options:
        """What `command` was made from.

        Raises:
            BadInput, ValueError: it was not made by `command`.
        """
        return from_plain(Options, json.loads(text), "options")
