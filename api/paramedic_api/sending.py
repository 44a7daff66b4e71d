"""How waitress sends long answers whose length nobody knows yet: from where they lie, by the thread that makes them.

Left to itself waitress copies such a piece four times before the socket has it, and wakes its own thread for every part that the
socket takes: for an answer of 170 MB a third of all its work.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from waitress.buffers import OverflowableBuffer, ReadOnlyFileBasedBuffer
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, WSGITask

from paramedic_core.problems import CONTENT_TYPE, problem

_LARGE = 64 << 10
"""Bytes from which on a piece is not copied."""
_LEAST = 64 << 10
"""Bytes that a reader takes within the time that a connection may be idle: one who takes less holds the thread for nothing."""
_PATIENCE = 1_000
"""Milliseconds after which a thread that waits for its reader looks whether that one is still there."""

_REFUSALS = {
    413: ("too_large", "Too large"),
    431: ("too_large", "Too large"),
    500: ("internal", "Internal error"),
}
"""What waitress refuses by itself; of anything else that it cannot read, the request is malformed."""


class Piece(ReadOnlyFileBasedBuffer):
    """Bytes that wait to be sent. waitress sends such a buffer as it is.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    def __len__(self) -> int:
        return len(self._left)

    def get(self, numbytes: int = -1, skip: bool = False) -> memoryview:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002
        """What comes next: all of it, for the socket takes what it can."""
        return self._left

    def skip(self, numbytes: int, allow_prune: bool = False) -> None:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002
        """So many bytes have been sent."""
        self._left = self._left[numbytes:]

    def close(self) -> None:
        """Let go of the bytes."""
        self._left = memoryview(b"")


class Task(WSGITask):
    """One request."""

    channel: Channel

    def write(self, data: bytes) -> None:
        """Send the headers, if they are not sent yet, and then `data`."""
        if len(data) < _LARGE or not self.wrote_header or not self.chunked_response or not self.has_body:
            super().write(data)
        else:
            self.channel.write_here(b"%x\r\n" % len(data), data, b"\r\n")


class Refusal(ErrorTask):
    """The answer to a request that waitress itself does not take: a problem document, as everywhere else."""

    # Of which waitress' types say something else.
    request: Any
    response_headers: Any

    def execute(self) -> None:
        """Send it, and close the connection."""
        error = self.request.error
        kind, title = _REFUSALS.get(error.code, ("bad_input", "Malformed request"))
        most = f"a request's body has at most {self.channel.adj.max_request_body_size} bytes"
        document = problem(error.code, kind, title, most if error.code == 413 else str(error.body))
        body = json.dumps(document).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", CONTENT_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """One connection."""

    task_class = Task
    error_task_class = Refusal
    # waitress' own, of which its types say less or nothing.
    outbufs: list[Any]
    _flush_exception: Callable[..., object]
    _flush_some: Callable[..., object]
    _tended = False
    """The thread that makes the answer waits for the socket, so waitress' own need not."""

    def writable(self) -> bool:
        """Whether waitress' own thread should wait until the socket takes something."""
        if self._tended:
            return False
        if self.will_close and self.socket is not None:
            # What nobody reads is never writable, so it would never be closed; a socket that is shut down is.
            with contextlib.suppress(OSError):  # the reader has closed it
                self.socket.shutdown(socket.SHUT_RDWR)
        return bool(super().writable())

    def write_soon(self, data: Any) -> int:
        """Send bytes, or let them wait where there is room.

        Raises:
            ClientDisconnected: nobody reads any more.
        """
        # Before waitress holds the lock, which its own thread would wait for.
        self._make_room()
        return int(super().write_soon(data))

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress' own waits for ever. Between two requests it is called where nobody takes an error: the next one has it.
        with contextlib.suppress(ClientDisconnected):
            self._make_room()

    def write_here(self, *parts: bytes) -> None:
        """Send all but what may wait, in the caller's thread.

        Raises:
            ClientDisconnected: nobody reads any more.
        """
        with self.outbuf_lock:
            for part in parts:
                self.outbufs.append(Piece(part))
                self.total_outbufs_len += len(part)
            self.outbufs.append(OverflowableBuffer(self.adj.outbuf_overflow))
            self.current_outbuf_count = 0
        # What the socket takes goes out at once, also where all of it may wait.
        if self._goes_on():
            self._make_room()

    def _make_room(self) -> None:
        """Send until what is left may wait.

        Raises:
            ClientDisconnected: nobody reads any more, or the reader took next to nothing for as long as a connection may be idle.
        """
        left, since = self.total_outbufs_len, time.monotonic()
        if left <= self.adj.outbuf_high_watermark:
            return
        self._tended = True
        try:
            while self._goes_on():
                if self.total_outbufs_len <= left - _LEAST:
                    left, since = self.total_outbufs_len, time.monotonic()
                elif time.monotonic() - since > self.adj.channel_timeout:
                    self._failed()
                self._wait()
        finally:
            self._tended = False

    def _wait(self) -> None:
        """Until the socket takes something."""
        number = -1 if self.socket is None else self.socket.fileno()
        if number < 0:
            # Closed by waitress' own thread just now: `_goes_on` sees it.
            return
        waiting = select.poll()
        waiting.register(number, select.POLLOUT)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll(_PATIENCE)):
            self._failed()

    def _failed(self) -> NoReturn:
        self.will_close = True
        # Before waitress' own thread looks: it would pass over it.
        self._tended = False
        self.server.pull_trigger()
        raise ClientDisconnected

    def _goes_on(self) -> bool:
        """Send what the socket takes; whether too much is left."""
        with self.outbuf_lock:
            if self.connected and not self.will_close:
                self._flush_exception(self._flush_some, do_close=False)
            if not self.connected or self.will_close:
                self._failed()
            return self.total_outbufs_len > self.adj.outbuf_high_watermark
