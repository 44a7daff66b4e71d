"""Runs one query in its turn, and gives up when its time is over or nobody waits for it any more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from flask import Response, request

from paramedic_api.hub import Hub
from paramedic_api.prometheus import answers, parameters
from paramedic_api.prometheus.errors import bad_parameter
from paramedic_api.prometheus.patience import Patience
from paramedic_core.errors import BadInput
from paramedic_metrics.answer.results import rendered
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import EvaluationError, QueryCanceled
from paramedic_metrics.promql.results import Answer
from paramedic_metrics.wanted import watched

_LOOK = 256 << 10
"""Bytes of an answer between two looks at whether it is still wanted."""
Ask = Callable[[Engine, threading.Event], Answer]


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
    patience = _patience(hub, seconds)
    with hub.measured.gate.through(patience.left):
        try:
            answer = ask(engine, patience.event)
        except QueryCanceled:
            raise patience.reason() from None
        except EvaluationError:
            raise
        except BadInput as error:
            raise bad_parameter("query", str(error)) from None
        parts, warnings = rendered(answer, limit)
        begun = threading.Event()
        response = answers.pieces(_while_wanted(parts, patience, begun), warnings, answer.infos)
        begun.set()
        return response


@contextlib.contextmanager
def looking_up(hub: Hub) -> Iterator[None]:
    """What the request at hand has the store look up inside ends as a query does.

    Raises:
        QueryProblem: it took longer than a query may, or nobody waits for it any more.
    """
    patience = _patience(hub, hub.settings.metrics.query_timeout)

    def check() -> None:
        if patience.is_set():
            raise patience.reason()

    with watched(check):
        yield


def _patience(hub: Hub, seconds: float) -> Patience:
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    return Patience(seconds, hub.clock, gone, hub.stopping)


def _while_wanted(parts: Iterator[bytes], patience: Patience, begun: threading.Event) -> Iterator[bytes]:
    """The pieces, which take longer to make than what is in them; once the answer goes out, its pace is the asker's."""
    since = _LOOK
    for part in parts:
        if since >= _LOOK and not begun.is_set():
            since = 0
            if patience.is_set():
                raise patience.reason()
        since += len(part)
        yield part


def _engine(hub: Hub) -> Engine:
    """The engine; another one where the request wants another lookback."""
    if not parameters.text("lookback_delta"):
        return hub.measured.metrics.engine
    lookback = round(parameters.span("lookback_delta", 0.0) * 1000)
    if lookback <= 0:
        raise bad_parameter("lookback_delta", "it must be more than 0")
    return hub.measured.metrics.engine_looking_back(lookback)
