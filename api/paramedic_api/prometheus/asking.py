"""Runs one query in its turn, and gives up when its time is over or nobody waits for it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from flask import Response, request

from paramedic_api.hub import Hub
from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.errors import QueryProblem, bad_parameter
from paramedic_core.clock import Clock
from paramedic_metrics.answer.results import rendered
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import QueryCanceled
from paramedic_metrics.promql.results import Answer

Ask = Callable[[Engine, threading.Event], Answer]


class Patience:
    """Says when a query must end; it is asked between two pieces of work, as a `threading.Event` would be.

    Args:
        seconds: how long the query may take.
        clock: the time.
        gone: whether the asker has left.
        ending: set when the hub ends.
    """

    def __init__(self, seconds: float, clock: Clock, gone: Callable[[], bool], ending: threading.Event) -> None:
        self._seconds, self._clock, self._gone, self._ending = seconds, clock, gone, ending
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._end - self._clock.monotonic())

    def is_set(self) -> bool:
        return self.left <= 0 or self._ending.is_set() or self._gone()

    def reason(self) -> QueryProblem:
        """Why it was ended."""
        if self.left <= 0:
            return QueryProblem("timeout", f"query timed out in expression evaluation ({self._seconds:g} s)")
        return QueryProblem("canceled", "query was canceled")


def run(hub: Hub, ask: Ask) -> Response:
    """The answer to the query of the request at hand.

    Args:
        hub: whose metrics are asked.
        ask: gives the engine the query; the event ends it early.

    Raises:
        QueryProblem, ParamedicError: as the engine and the gate do.
    """
    most = hub.settings.metrics.query_timeout
    seconds = min(parameters.span("timeout", most), most)
    if seconds <= 0:
        raise bad_parameter("timeout", "it must be more than 0")
    limit = parameters.count("limit")
    engine = _engine(hub)
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    patience = Patience(seconds, hub.clock, gone, hub.stopping)
    with hub.measured.gate.through(patience.left):
        try:
            answer = ask(engine, cast("threading.Event", patience))
        except QueryCanceled:
            raise patience.reason() from None
        parts, warnings = rendered(answer, limit)
        return answers.pieces(parts, warnings, answer.infos)


def _engine(hub: Hub) -> Engine:
    """The engine; another one where the request wants another lookback."""
    if not parameters.text("lookback_delta"):
        return hub.measured.metrics.engine
    lookback = round(parameters.span("lookback_delta", 0.0) * 1000)
    if lookback <= 0:
        raise bad_parameter("lookback_delta", "it must be more than 0")
    metrics = hub.measured.metrics
    return Engine(metrics.store, replace(metrics.limits, lookback=lookback))
