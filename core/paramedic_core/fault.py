"""Named fault points: places where a test may kill the process.

`fault("verbs.after_intent")` does nothing, unless the environment variable PARAMEDIC_FAULTS names that point. Its form is
`NAME=FILE[,NAME=FILE…]`: the first process that reaches the point and can create FILE kills itself with SIGKILL, so each
point kills once and the restarted role goes on. A test finds all points with `grep`: their names are literals.
"""

from __future__ import annotations

import os
import signal


def _parse(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(",") if item)
    return {name: path for name, _, path in pairs}


_ARMED = _parse(os.environ.get("PARAMEDIC_FAULTS", ""))


def fault(name: str) -> None:
    """Die here, if this point is armed and has not killed yet."""
    if not _ARMED or name not in _ARMED:
        return
    try:
        os.close(os.open(_ARMED[name], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
