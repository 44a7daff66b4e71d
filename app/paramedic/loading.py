"""Reads the whole configuration in a short-lived process, so that the YAML reader and pydantic never weigh on the roles."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import time
from typing import Any

from paramedic.options import Options
from paramedic_core.codec import from_plain, to_plain
from paramedic_core.errors import ConfigError, ParamedicError
from paramedic_core.settings import Settings
from paramedic_core.sys.processes import die_with_parent, reset_signals, signals_blocked

log = logging.getLogger("paramedic.config")
DEADLINE = 60.0
"""Seconds that reading the configuration may take: a small board that starts up takes 20."""
_MOST = 4 << 20


class Loading:
    """One reading of the configuration, under way in its own process.

    Args:
        options: what the command line said.
    """

    def __init__(self, options: Options) -> None:
        self.fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.deadline = time.monotonic() + DEADLINE
        self._data = b""
        parent = os.getpid()
        with signals_blocked():
            self.pid = os.fork()
            if self.pid == 0:
                _load_and_exit(options, write_fd, parent)
        os.close(write_fd)

    def heard(self) -> bool:
        """Read what came; returns whether that was all."""
        try:
            piece = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return False
        self._data += piece
        return not piece or len(self._data) > _MOST

    def close(self) -> None:
        """Let go of it, and end its process if it is still at work; somebody must still wait for `pid`."""
        os.close(self.fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def result(self) -> Settings:
        """The settings.

        Raises:
            ConfigError: there are mistakes; the text lists them all.
        """
        try:
            answer = json.loads(self._data)
        except ValueError:
            raise ConfigError(
                f"the configuration could not be read within {DEADLINE:.0f} s, or its reader died: see the lines above"
            ) from None
        if "mistakes" in answer:
            raise ConfigError(str(answer["mistakes"]))
        for warning in answer["warnings"]:
            log.warning("%s", warning)
        return from_plain(Settings, answer["settings"], "settings")


def load_now(options: Options) -> Settings:
    """Read the configuration and wait for it, at most `DEADLINE` seconds.

    Raises:
        ConfigError: there are mistakes; the text lists them all.
    """
    loading = Loading(options)
    try:
        poll = select.poll()
        poll.register(loading.fd, select.POLLIN)
        while (left := loading.deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000) and loading.heard():
                break
        return loading.result()
    finally:
        loading.close()
        os.waitpid(loading.pid, 0)


def _load_and_exit(options: Options, write_fd: int, parent: int) -> None:
    status = 1
    try:
        die_with_parent(parent)
        reset_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.set_blocking(write_fd, True)
        answer = json.dumps(_load(options)).encode()
        while answer:
            answer = answer[os.write(write_fd, answer) :]
        status = 0
    except BaseException:
        log.exception("reading the configuration failed")
    finally:
        os._exit(status)


def _load(options: Options) -> dict[str, Any]:
    # Imported here, in the short-lived process: this is what keeps pydantic and yaml out of the others.
    from paramedic.wiring import load_options  # noqa: PLC0415

    try:
        loaded = load_options(options)
    except ParamedicError as error:
        return {"mistakes": str(error)}
    return {"settings": to_plain(loaded.settings), "warnings": [str(w) for w in loaded.warnings]}
