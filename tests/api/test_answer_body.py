"""A long answer as a file: the same bytes wherever it is read from, as waitress reads it."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_api.prometheus.body import Body


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.tuples(st.integers(0, 300), st.integers(-1, 60))))
def test_reads_as_a_file_does(pieces: list[bytes], steps: list[tuple[int, int]]) -> None:
    whole = b"".join(pieces)
    body = Body(pieces)
    assert len(body) == len(whole) == body.seek(0, io.SEEK_END)
    for place, most in steps:
        assert body.seek(place) == body.tell() == place
        found = bytes(body.read(most))
        rest = whole[place:]
        assert rest[: len(found)] == found
        assert found or not rest or most == 0
        assert len(found) <= most or most == -1
        assert body.seek(1, io.SEEK_CUR) == place + len(found) + 1


def test_all_of_it_in_order() -> None:
    pieces = [bytes([n % 256]) * (1 + 1000 * n) for n in range(40)]
    body, found = Body(pieces), b""
    while part := body.read():
        found += part
    assert found == b"".join(pieces)
    body.close()
    assert not body.read()
