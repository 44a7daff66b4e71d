"""Takes remote write requests: what becomes of each, in Prometheus' own words and statuses (storage/remote/write_handler.go)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput, LimitExceeded, NotFound, StoreUnavailable
from paramedic_metrics.remote.decode import Decoder, Request
from paramedic_metrics.sink import Sink, Taken

_KIND = "application/x-protobuf"
_SECOND = "io.prometheus.write.v2.Request"
_MOST_FAMILIES = 20_000
_NATIVE = (
    "native histograms are not kept ({} left out, {} samples of the request stored): "
    "set send_native_histograms to false, and expose classic ones"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is told."""

    status: int = 204
    text: str = ""
    retry_after: int = 0
    """Seconds, where it may come again."""


class Receiver:
    """Args:
    sink: where samples go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._decoder = Decoder()
        self._refs: NDArray[np.int64] = np.empty(0, np.int64)
        """The store's numbers of the decoder's series; −1 for those that were not asked for yet."""
        self._life = 0
        self._lock = threading.Lock()
        self.families: dict[str, tuple[str, str, str]] = {}
        """Type, help and unit, by name; at most 20,000."""
        self.requests = self.samples = self.refused = self.invalid = self.histograms = self.exemplars = 0

    def take(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """One request.

        Args:
            headers: `Content-Type` and `Content-Encoding` count.
            body: as it came.
        """
        wrong = _unsupported(headers)
        if wrong:
            return Reply(415, wrong)
        # One at a time: decoding holds the interpreter anyway, and so the memory of one request is all that there is.
        with self._lock:
            self.requests += 1
            try:
                return self._take(body)
            except BadInput as error:
                return Reply(400, str(error))
            except LimitExceeded as error:
                return Reply(429, str(error), retry_after=30)
            except StoreUnavailable as error:
                return Reply(503, str(error), retry_after=5)

    def _take(self, body: bytes) -> Reply:
        found = self._decoder.decode(self._decoder.unpack(body))
        self.invalid += found.invalid
        self.histograms += found.histograms
        self.exemplars += found.exemplars
        for name, said in found.families.items():
            if name in self.families or len(self.families) < _MOST_FAMILIES:
                self.families[name] = said
        taken = self._stored(found)
        self.samples += taken.stored
        self.refused += taken.refused
        wrong = [_refused(taken)] if taken.refused else []
        wrong += [found.first_invalid] if found.invalid else []
        wrong += [_NATIVE.format(found.histograms, taken.stored)] if found.histograms else []
        return Reply(400, "; ".join(wrong)) if wrong else Reply()

    def _stored(self, found: Request) -> Taken:
        if not len(found.numbers):
            return Taken()
        try:
            return self._put(found)
        except NotFound:
            # Series that were silent for longer than samples are kept have other numbers now.
            self._refs = np.empty(0, np.int64)
            return self._put(found)

    def _put(self, found: Request) -> Taken:
        full: LimitExceeded | None = None
        if self._life != self._decoder.life:
            self._life, self._refs = self._decoder.life, np.empty(0, np.int64)
        series = self._decoder.series
        more = len(series) - len(self._refs)
        if more:
            room = np.full(more, -1, np.int64)
            self._refs = np.concatenate([self._refs, room])
        refs = self._refs[found.numbers]
        unknown = np.unique(found.numbers[refs < 0])
        if len(unknown):
            try:
                self._refs[unknown] = self._sink.refs([series[n] for n in unknown.tolist()])
            except LimitExceeded as error:
                full = error
                self._known_only(unknown)
            refs = self._refs[found.numbers]
        here = refs >= 0
        taken = self._sink.put(refs[here].astype(np.uint32), found.times[here], found.values[here])
        if full is not None:
            raise full
        return taken

    def _known_only(self, numbers: NDArray[np.int64]) -> None:
        """Series that there are already keep their place, also when there is none for new ones."""
        for number in numbers.tolist():
            try:
                self._refs[number] = self._sink.refs([self._decoder.series[number]])[0]
            except LimitExceeded:
                continue


def _unsupported(headers: Mapping[str, str]) -> str:
    kind, _, parameters = headers.get("Content-Type", _KIND).partition(";")
    if kind.strip().lower() != _KIND:
        return f"expected {_KIND} as the first (media) part, got {kind.strip()[:80]} content-type"
    proto = dict(p.strip().partition("=")[::2] for p in parameters.split(";")).get("proto", "")
    if proto == _SECOND:
        return f"{proto} protobuf message is not accepted by this server; only prometheus.WriteRequest is (remote write 1.0)"
    if proto not in ("", "prometheus.WriteRequest"):
        return f"got {proto[:80]} proto, which is not known: prometheus.WriteRequest is"
    encoding = headers.get("Content-Encoding", "snappy").strip().lower()
    if encoding not in ("", "snappy"):
        return f"{encoding[:40]} encoding (compression) is not accepted by this server; only snappy is acceptable"
    return ""


def _refused(taken: Taken) -> str:
    """In Prometheus' words (storage/interface.go), with how many."""
    parts = [
        ("out of order sample", taken.out_of_order),
        ("duplicate sample for timestamp", taken.duplicate),
        ("out of bounds", taken.ahead),
    ]
    said = "; ".join(f"{what} ({count})" for what, count in parts if count)
    return f"{said}: {taken.refused} refused, {taken.stored} stored"
