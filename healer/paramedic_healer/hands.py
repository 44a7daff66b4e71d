"""Hands: carries orders to runtime's verbs, and learns what became of them. The healer's only way to touch anything."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from paramedic_core.errors import Conflict, NotFound, ParamedicError, PeerAway, Refused, Temporary
from paramedic_core.fault import fault
from paramedic_core.sys.client import RoleClient
from paramedic_healer.brain import Order

log = logging.getLogger("paramedic.healer.hands")

_WORKERS = 4
_QUEUE = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order."""

    key: str
    status: str
    """done, failed, refused, lost, conflict, or away: runtime could not say, ask again."""
    detail: str = ""
    done_at: float = 0.0
    code: str = ""
    """Of what was refused by one of runtime's guards: which, as in `ceiling_host`."""
    retry_after: float = 0.0
    """Seconds after which that guard would let it pass; 0 where it did not say."""


class Hands:
    """A few threads that call runtime.

    Args:
        client: runtime's.
        on_answer: called in one of these threads with each answer.
        patience: seconds to wait for a verb: longer than any stop timeout that runtime allows.
    """

    def __init__(self, client: RoleClient, on_answer: Callable[[Answer], None], patience: float = 660.0) -> None:
        self._client, self._on_answer, self._patience = client, on_answer, patience
        self._orders: queue.Queue[tuple[Order, float] | None] = queue.Queue(_QUEUE)
        self._full: tuple[Answer, float] | None = None
        """The host's ceiling as runtime last told of it, and when (monotonic seconds)."""
        self._threads = [threading.Thread(target=self._run, daemon=True, name=f"hand-{n}") for n in range(_WORKERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for _ in self._threads:
            try:
                self._orders.put_nowait(None)
            except queue.Full:
                return

    def carry_out(self, order: Order) -> None:
        """Queue an order; when there is no room, it is answered `refused` at once."""
        try:
            self._orders.put_nowait((order, time.monotonic()))
        except queue.Full:
            self._on_answer(Answer(order.key, "refused", "too many acts are waiting"))

    def ask(self, key: str) -> Answer:
        """What runtime's own journal says of an earlier order: the truth after a crash of either role."""
        try:
            act = self._client.get(f"/acts/{key}")
        except NotFound:
            return Answer(key, "lost", "runtime never heard of it")
        except ParamedicError as error:
            return Answer(key, "away", str(error))
        return _read(key, act)

    def _run(self) -> None:
        while (waiting := self._orders.get()) is not None:
            order, queued_at = waiting
            fault("healer.before_act")
            try:
                answer = self._told_already(order, queued_at) or self._call(order)
            except Exception:
                # A hand that died would be missed only when all are gone; what became of the act is asked by its key.
                log.exception("carrying out %s failed", order.key)
                answer = Answer(order.key, "away", "see the healer's log")
            fault("healer.after_act")
            self._on_answer(answer)

    def _told_already(self, order: Order, queued_at: float) -> Answer | None:
        """What runtime would say of an order that waited here while another one was refused, for the host is at its ceiling."""
        if self._full is None or order.asked:
            return None
        said, heard_at = self._full
        left = heard_at + said.retry_after - time.monotonic()
        return replace(said, key=order.key, retry_after=left) if queued_at < heard_at and left > 0 else None

    def _call(self, order: Order) -> Answer:
        body = {
            "target": order.plan.target,
            "key": order.key,
            "expected": dict(order.plan.expected),
            "incident": order.incident,
            "reason": order.reason[:500],
        }
        try:
            act = self._client.post(f"/verbs/{order.plan.verb}", body, timeout=self._patience)
        except Conflict as error:
            return Answer(order.key, "conflict", str(error))
        except Refused as error:
            answer = Answer(order.key, "refused", str(error), code=error.code, retry_after=error.retry_after)
            if error.code == "ceiling_host":
                self._full = answer, time.monotonic()
            return answer
        except NotFound as error:
            return Answer(order.key, "conflict", str(error))
        except PeerAway as error:
            return Answer(order.key, "away", str(error))
        except Temporary as error:
            return Answer(order.key, "refused", str(error))
        except ParamedicError as error:
            return Answer(order.key, "failed", str(error))
        return _read(order.key, act)


def _read(key: str, act: dict[str, object]) -> Answer:
    status = str(act.get("status", ""))
    done_at = act.get("done_at")
    when = float(done_at) if isinstance(done_at, (int, float)) else 0.0
    if status in ("done", "failed", "refused", "lost"):
        return Answer(key, status, str(act.get("detail", "")), when)
    return Answer(key, "away", "runtime is still at it")
