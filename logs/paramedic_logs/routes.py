"""The logs role's own paths on its socket."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput, NotFound
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_logs.line import CUT, GAP, LEVEL_BITS, LEVELS, STDERR, Line
from paramedic_logs.store.catalogue import Stream
from paramedic_logs.store.search import MOST, Query, search
from paramedic_logs.store.store import Store
from paramedic_logs.tail import Tails, Wanted


def routes(store: Store, tails: Tails, counters: Counters) -> Routes:
    """Path → handler."""
    api = _Api(store, tails, counters)
    return {
        "GET /search": api.search,
        "GET /streams": api.streams,
        "GET /evidence/{incident}": api.evidence,
        "GET /tail": api.tail,
    }


def line_view(stream: Stream, line: Line) -> dict[str, Any]:
    """One line as JSON. Absent: `level` where the line says none, `claimed` where the names are known."""
    shown: dict[str, Any] = {
        "at": line.ns / 1e9,
        "ns": str(line.ns),
        "container": stream.name,
        "id": stream.container,
        "service": stream.service,
    }
    if stream.origin == "forward":
        shown["claimed"] = True
    if line.meta & GAP:
        return {**shown, "gap": json.loads(line.text)}
    if line.meta & LEVEL_BITS:
        shown["level"] = LEVELS[line.meta & LEVEL_BITS]
    if line.meta & CUT:
        shown["cut"] = True
    stderr = "stderr" if line.meta & STDERR else "stdout"
    return {**shown, "stream": stderr, "text": line.text.decode("utf-8", "replace")}


def belongs(stream: Stream, service: str, container: str) -> bool:
    """Whether a stream is one of a service (also a removed container's), and of a container's name or id; empty: any."""
    if service and service not in (stream.service, stream.service.rpartition("/")[2]):
        return False
    by_id = len(container) >= 4 and stream.origin == "file" and stream.container.startswith(container)
    return not container or container == stream.name or by_id


class _Api:
    def __init__(self, store: Store, tails: Tails, counters: Counters) -> None:
        self._store, self._tails, self._counters = store, tails, counters

    def search(self, request: Request) -> Response:
        query = request.query
        _known(request, "service", "container", "from", "to", "text", "level", "limit", "direction")
        direction = query.get("direction", "backward")
        if direction not in ("backward", "forward"):
            raise BadInput("direction is backward (newest first) or forward")
        wanted = Query(
            streams={
                s.id
                for s in list(self._store.streams.values())
                if belongs(s, query.get("service", ""), query.get("container", ""))
            },
            start=_moment(query, "from", 0),
            end=_moment(query, "to", 1 << 62),
            text=_text(query),
            level=_level(query),
            limit=_limit(query, 100, MOST),
            backward=direction == "backward",
        )
        answer = search(self._store, wanted, self._counters)
        lines = [line_view(hit.stream, hit.line) for hit in answer.hits]
        return json_response(
            {"lines": lines, "more": answer.more, "partial": answer.partial, "scanned": answer.scanned}
        )

    def streams(self, _request: Request) -> Response:
        rows = [
            {
                "id": s.container, "container": s.name, "service": s.service, "host": s.host, "since": s.since,
                "claimed": s.origin == "forward",
            }
            for s in sorted(self._store.streams.values(), key=lambda s: (s.service, s.name, s.since))
        ]  # fmt: skip
        return json_response({"streams": rows})

    def evidence(self, request: Request) -> Response:
        found = self._store.catalogue.evidence(request.params["incident"])
        if not found:
            raise NotFound(f"no lines were kept for an incident {request.params['incident'][:80]}")
        body = b'{"incident":%b,"moments":[%b]}' % (
            json.dumps(request.params["incident"]).encode(), b",".join(found),
        )  # fmt: skip
        return Response(body)

    def tail(self, request: Request) -> Response:
        _known(request, "service", "container", "text", "level")
        query = request.query
        service, container, text, level = (
            query.get("service", ""),
            query.get("container", ""),
            _text(query),
            _level(query),
        )

        def wanted(stream: Stream, line: Line) -> bool:
            return belongs(stream, service, container) and text in line.text and (line.meta & LEVEL_BITS) >= level

        return Response(self._lines(wanted), content_type="application/x-ndjson")

    def _lines(self, wanted: Wanted) -> Iterator[bytes]:
        for item in self._tails.follow(wanted):
            if item is None:
                shown: dict[str, Any] = {"beat": time.time()}
            elif isinstance(item, int):
                shown = {"missed": item}
            else:
                shown = {"line": line_view(*item)}
            yield json.dumps(shown, separators=(",", ":")).encode() + b"\n"


def _known(request: Request, *names: str) -> None:
    unknown = sorted(request.query.keys() - set(names))
    if unknown:
        raise BadInput(f"{request.path} has no {', '.join(unknown)[:100]}; it has {', '.join(names)}")


def _moment(query: Mapping[str, str], name: str, default: int) -> int:
    """Unix seconds, with a fraction or without, as nanoseconds."""
    text = query.get(name, "")
    if not text:
        return default
    match = re.fullmatch(r"(\d{1,10})(?:\.(\d{1,9}))?", text, re.ASCII)
    if match is None:
        raise BadInput(f"{name} is Unix seconds, as 1700000000 or 1700000000.25, not {text[:40]!r}")
    return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))


def _text(query: Mapping[str, str]) -> bytes:
    text = query.get("text", "")
    if len(text) > 1000:
        raise BadInput("text is at most 1000 characters")
    return text.encode("utf-8", "replace")


def _level(query: Mapping[str, str]) -> int:
    name = query.get("level", "")
    if name not in LEVELS:
        raise BadInput(f"level is one of {', '.join(LEVELS[1:])}")
    return LEVELS.index(name)


def _limit(query: Mapping[str, str], default: int, most: int) -> int:
    text = query.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise BadInput(f"limit is a whole number from 1 to {most}, not {text[:40]!r}")
    return int(text)
