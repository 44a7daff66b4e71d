"""One line a message on stderr: time (UTC, RFC 3339), level, role, text. Foreign text cannot forge lines or move the cursor."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from types import TracebackType

_MOST = 8192
_BREAKS = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _BREAKS}
_ESCAPES |= {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def clean(text: str) -> str:
    """`text` on one line of at most 8 KiB: control, line-breaking and direction-changing characters are escaped."""
    if len(text) > _MOST:
        text = f"{text[:_MOST]}… ({len(text) - _MOST} more characters)"
    return text.translate(_ESCAPES)


class LineFormatter(logging.Formatter):
    """The one format of all roles.

    Args:
        role: whose lines these are.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {_story(record.exc_info[1])}"
        return f"{stamp}.{int(record.msecs):03d}Z {record.levelname.lower():7} {self._role}: {clean(text)}"


def set_up(role: str, level: str) -> None:
    """Send this process' log, warnings, and the end of any thread by an exception, to stderr.

    Args:
        role: the name on each line.
        level: debug, info, warning or error; libraries' own messages show from warning on (from debug on with debug).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(role))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    chosen = LEVELS[level]
    root.setLevel(chosen if chosen == logging.DEBUG else max(chosen, logging.WARNING))
    logging.getLogger("paramedic").setLevel(chosen)
    # A log that cannot be written (a closed pipe) must not end a role; there is nobody left to tell.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_ended


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    story = _story(args.exc_value) if args.exc_value else args.exc_type.__name__
    logging.getLogger("paramedic.thread").error("the thread %s ended: %s", name, story)


def _story(error: BaseException) -> str:
    """What, and the innermost places first."""
    places = " < ".join(f"{_short(f.filename)}:{f.lineno} {f.name}" for f in reversed(_frames(error.__traceback__)))
    return f"{type(error).__name__}: {error} [{places}]"


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(trace))[-12:]


def _short(filename: str) -> str:
    return "/".join(filename.rsplit("/", 2)[-2:])
