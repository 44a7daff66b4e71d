"""Answers of the Prometheus API: JSON in pieces, packed where the asker takes it, errors in its form."""

from __future__ import annotations

import functools
import itertools
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, TypeVar, cast

from flask import Response, request
from werkzeug.wsgi import wrap_file

from paramedic_api.auth import reads
from paramedic_api.prometheus import refusals
from paramedic_api.prometheus.body import Body
from paramedic_api.prometheus.errors import QueryProblem, problem_of
from paramedic_core.errors import ParamedicError
from paramedic_metrics.answer.json import framed, success

log = logging.getLogger("paramedic.api")
View = TypeVar("View", bound=Callable[..., Any])
_HELD = 32 << 20
"""Bytes of an answer that are made before it begins to go out; what is longer is made as it goes."""
_SMALL = 1024
"""Bytes that are not worth packing."""
_LARGE = 64 << 10
"""Bytes from which on an answer is sent from where it lies."""


def endpoint(view: View) -> View:
    """A view of the Prometheus API: reading, also by POST; whatever it raises becomes an error in Prometheus' form."""

    @functools.wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Response:
        try:
            found: Response = view(*args, **kwargs)
        except (QueryProblem, ParamedicError) as error:
            problem = error if isinstance(error, QueryProblem) else problem_of(error)
            return refusals.answer(problem.kind, str(problem), problem.status)
        return found

    return reads(wrapped)  # type: ignore[return-value]


def data(value: Any, *, warnings: Sequence[str] = ()) -> Response:
    """A small answer."""
    return _packed([success(value, warnings=warnings)], [])


def pieces(parts: Iterable[bytes], warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """An answer whose data comes in pieces; the first 32 MiB are made here, in the caller's turn."""
    rest = framed(parts, warnings, infos)
    held: list[bytes] = []
    size = 0
    for part in rest:
        held.append(part)
        size += len(part)
        if size > _HELD:
            return _packed(held, rest)
    return _packed(held, [])


def _packed(held: list[bytes], rest: Iterable[bytes]) -> Response:
    wanted = request.accept_encodings.quality("gzip") > 0
    whole = not isinstance(rest, Iterator)
    packs = wanted and not (whole and sum(map(len, held)) < _SMALL)
    parts: Iterable[bytes] = itertools.chain(held, rest)
    if packs:
        parts = _gzip(parts)
    response = _whole(list(parts)) if whole else Response(parts)
    response.content_type = "application/json"
    response.headers["Vary"] = "Accept-Encoding"
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _whole(pieces: list[bytes]) -> Response:
    body = Body(pieces)
    if len(body) < _LARGE:
        return Response(b"".join(pieces))
    response = Response(wrap_file(request.environ, cast("IO[bytes]", body)), direct_passthrough=True)
    response.content_length = len(body)
    return response


def _gzip(parts: Iterable[bytes]) -> Iterator[bytes]:
    # Level 1: a chart's numbers shrink to a seventh, and higher levels cost three times as much for a tenth more.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for part in parts:
        packed = packer.compress(part)
        if packed:
            yield packed
    yield packer.flush()
