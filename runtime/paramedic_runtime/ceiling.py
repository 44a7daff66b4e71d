"""The fixed outer ceiling: 10 acts an hour a target, 30 an hour a host, whatever anybody asks for.

Counted from the record of acts, so that a restart does not reset it. Settings can only lower it: both limits hold. A
target is counted by container id and by service, since a recreated container has a new id.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import gmtime, strftime

from paramedic_core.errors import Refused
from paramedic_core.limits import Window
from paramedic_core.settings import RuntimeSettings
from paramedic_runtime.acts import Act

TARGET = Window(10, 3600.0)
HOST = Window(30, 3600.0)


def horizon(settings: RuntimeSettings) -> float:
    """How far back, in seconds, `check` must be able to see."""
    windows = (TARGET, HOST, settings.acts_per_target, settings.acts_per_host)
    return max(w.seconds for w in windows)


def check(acts: Sequence[Act], target: str, service: str, now: float, settings: RuntimeSettings) -> None:
    """Let one more act on `target` pass, or not.

    Args:
        acts: those of the last `horizon` seconds, in any order; not those that were called off.
        target: the container's full id.
        service: its service key.
        now: Unix seconds.
        settings: may lower the ceiling.

    Raises:
        Refused: `ceiling_target` or `ceiling_host`, with the time from which it would pass.
    """
    same = [a.intent_at for a in acts if a.target == target or a.service == service]
    everything = [a.intent_at for a in acts]
    for code, what, times, windows in (
        ("ceiling_target", service, same, (TARGET, settings.acts_per_target)),
        ("ceiling_host", "this host", everything, (HOST, settings.acts_per_host)),
    ):
        for window in windows:
            _pass(code, what, times, window, now)


def _pass(code: str, what: str, times: list[float], window: Window, now: float) -> None:
    # After the clock was set back, acts lie in the future: they count for one window, and not for ever.
    near = [min(t, now) for t in times if t <= now + window.seconds]
    free = now + window.seconds if window.count < 1 else window.free_at(near, now)
    if free > now:
        until = strftime("%H:%M:%S UTC", gmtime(free))
        text = f"{what} has had {window} acts, the outer ceiling: the next may be at {until}"
        raise Refused(code, text, retry_after=free - now)
