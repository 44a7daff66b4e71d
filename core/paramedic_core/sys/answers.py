"""Answers of servers that mean harm, read by http.client."""

from __future__ import annotations

import http.client


class BoundedResponse(http.client.HTTPResponse):
    """An answer whose `read(n)` never holds more than `n` bytes; given as `response_class` of a connection.

    http.client takes a chunk's size of -1 as it is, and then reads until the other side ends, in one call.
    """

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise http.client.IncompleteRead(b"")
        return size
