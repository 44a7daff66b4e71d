"""Reads a whole exposition with the series' lines remembered: a line seen before costs one look into a dictionary.

A series' prefix (`name{labels}`) is constant from scrape to scrape, so its bytes are the key; only values are parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from paramedic_core.errors import BadInput, ParamedicError
from paramedic_metrics.scrape.line import Header, Pairs, header, labels, number, split

DROPPED = -1
"""What `resolve` gives for a series that is not kept."""
OVER = -2
"""What it gives for one that only counts, as the scrape is beyond a limit: nothing of it is remembered."""
_MOST_FAMILIES = 20_000
_MOST_HELP = 1024
_MOST_NAME = 1024
_SPARE = 1000
_MOST_COMMENT = 4096
_MOST_COMMENTS = 8 << 20
_MOST_SAID = 8 << 20
_MOST_DROPPED = 16 << 20
"""Bytes that are kept of comments, of what they say of families, and of prefixes that are dropped."""
_A_LINE = 100
"""About the bytes that a line takes in a dictionary besides its own."""
_A_FAMILY = 300


@dataclass(slots=True)
class Described:
    """What an exposition says of a family."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


@dataclass(slots=True)
class Read:
    """The samples of one exposition, dropped ones left out, in its order."""

    rows: list[int]
    values: list[float]
    stamped: list[tuple[int, int, float]] = field(default_factory=list)
    """Row, Unix milliseconds and value of the lines that have a timestamp of their own; they are in no other list."""
    lines: int = 0
    """All samples, dropped ones too."""
    kept: int = 0
    """Those that are not dropped, `OVER` ones too."""


class Reader:
    """Reads one target's expositions.

    Args:
        resolve: called once for each series that is new: from its labels to its row, or `DROPPED`.
    """

    def __init__(self, resolve: Callable[[Pairs], int]) -> None:
        self._resolve = resolve
        self._rows: dict[bytes, int] = {}
        self._new: list[bytes] = []
        """Prefixes that the last `read` brought, until `forget`."""
        self._last_dropped = OVER
        """Each prefix that is dropped has a number of its own below this, so that a `read` tells which of them it saw."""
        self._dropped_bytes = 0
        self._dropped: set[int] = set()
        """Numbers of those that the last exposition had that had any lines."""
        self._passed: set[int] | None = None
        """The same of a `read`, until `forget`."""
        self._lasting = 0
        """Lines of the last exposition that had any."""
        self._negative = self._asking = False
        self._comments: set[bytes] = set()
        self._comment_bytes = self._said = 0
        self._crowded = False
        self.families: dict[str, Described] = {}
        """What the target says of its families; at most 20,000."""
        self.lines = self.kept = 0
        """As in `Read`, of the last `read` as far as it came, until `forget`."""

    def __len__(self) -> int:
        """How many prefixes are remembered."""
        return len(self._rows)

    def read(self, body: bytes, *, openmetrics: bool = False) -> Read:
        """Read a whole body.

        Raises:
            BadInput: a line of it cannot be read; nothing of it counts then, as in Prometheus.
            Anything that `resolve` raises.
        """
        self._new, self._passed, self.lines, self.kept = [], None, 0, 0
        self._negative, self._asking = self._dropped_bytes > 0, False
        if openmetrics:
            body = _until_eof(body)
        known = self._rows.get
        rows: list[int] = []
        texts: list[bytes] = []
        stamped: list[tuple[int, int, bytes]] = []
        add_row, add_text = rows.append, texts.append
        try:
            for line in body.split(b"\n"):
                head, _, tail = line.rpartition(b" ")
                row = known(head)
                if row is not None:
                    add_row(row)
                    add_text(tail)
                elif line and line not in self._comments:
                    self._other(line, rows, texts, stamped, openmetrics=openmetrics)
            return self._read(rows, _numbers(texts, rows), stamped)
        except ParamedicError:
            self._count(rows, stamped)
            raise

    def undo(self) -> None:
        """Forget the prefixes that the last `read` brought."""
        for prefix in self._new:
            if self._rows.pop(prefix, 0) < 0:
                self._dropped_bytes -= len(prefix) + _A_LINE
        self._new, self._passed = [], None

    def forget(self, seen: set[int], *, every: bool = False) -> None:
        """Let go of the prefixes whose rows were not seen, when they have become many, or in any case."""
        if self._passed is not None:
            self._dropped = self._passed
        self._lasting = self.lines or self._lasting
        self._new, self._passed, self.lines, self.kept = [], None, 0, 0
        if every or len(self._rows) > 2 * (len(seen) + len(self._dropped)) + _SPARE:
            wanted = seen | self._dropped
            self._rows = {prefix: row for prefix, row in self._rows.items() if row in wanted}
            self._dropped_bytes = sum(len(prefix) + _A_LINE for prefix, row in self._rows.items() if row < 0)
        if len(self._rows) > 2 * self._lasting + _SPARE:
            # Ever new prefixes of the same series, as where relabelling drops a label that is another each time.
            self._rows, self._dropped_bytes = {}, 0
        if self._crowded:
            # Others come all the time: those of the next exposition take the room.
            self._comments.clear()
            self._comment_bytes, self._crowded = 0, False

    def _other(
        self,
        line: bytes,
        rows: list[int],
        texts: list[bytes],
        stamped: list[tuple[int, int, bytes]],
        *,
        openmetrics: bool,
    ) -> None:
        """A line that is new, has a timestamp or an exemplar, or is no sample."""
        bare = line.strip(b" \t")
        if not bare:
            return
        if bare.startswith(b"#"):
            self._comment(bare, line)
            return
        found = split(line, openmetrics=openmetrics)
        row = self._rows.get(found.series)
        if row is None:
            row = self._place(found.series)
        if found.stamp is None:
            rows.append(row)
            texts.append(found.value)
        else:
            stamped.append((row, found.stamp, found.value))

    def _place(self, series: bytes) -> int:
        pairs = labels(series)
        self._asking = True
        row = self._resolve(pairs)
        self._asking = False
        if row < 0:
            self._negative = True
        if row == DROPPED and self._dropped_bytes < _MOST_DROPPED:
            self._dropped_bytes += len(series) + _A_LINE
            row = self._last_dropped = self._last_dropped - 1
        if row not in (DROPPED, OVER):
            self._rows[series] = row
            self._new.append(series)
        return row

    def _read(self, rows: list[int], values: list[float], stamped: list[tuple[int, int, bytes]]) -> Read:
        self._count(rows, stamped)
        if self._negative:
            if self.lines:
                self._passed = {row for row in rows if row < OVER} | {row for row, _, _ in stamped if row < OVER}
            kept = [(row, value) for row, value in zip(rows, values, strict=True) if row >= 0]
            rows, values = [row for row, _ in kept], [value for _, value in kept]
        own = [(row, stamp, number(value)) for row, stamp, value in stamped if row >= 0]
        return Read(rows, values, own, self.lines, self.kept)

    def _count(self, rows: list[int], stamped: list[tuple[int, int, bytes]]) -> None:
        """How many lines there are; one that was refused by `resolve` is among them, as in Prometheus."""
        lines = self.kept = len(rows) + len(stamped)
        self.lines = lines + self._asking
        if self._negative:
            self.kept = sum(row >= 0 or row == OVER for row in (*rows, *(row for row, _, _ in stamped)))

    def _comment(self, bare: bytes, line: bytes) -> None:
        said = header(bare)
        if said is not None and len(said.name) <= _MOST_NAME:
            self._describe(said)
        if len(line) <= _MOST_COMMENT:
            self._comment_bytes += len(line) + _A_LINE
            if self._comment_bytes > _MOST_COMMENTS:
                self._crowded = True
            else:
                self._comments.add(line)

    def _describe(self, said: Header) -> None:
        known, text = self.families.get(said.name), said.text[:_MOST_HELP]
        more = len(text) - len(getattr(known, said.kind)) if known else len(said.name) + len(text) + _A_FAMILY
        if self._said + more > _MOST_SAID or (known is None and len(self.families) >= _MOST_FAMILIES):
            return
        self._said += more
        if known is None:
            known = self.families[said.name] = Described()
        setattr(known, said.kind, text)


def _numbers(texts: list[bytes], rows: list[int]) -> list[float]:
    joined = b" ".join(texts)
    if b"_" not in joined and b"\r" not in joined:
        try:
            return list(map(float, texts))
        except ValueError:
            pass
    found: list[float] = []
    try:
        found.extend(map(number, texts))  # slower: finds the one that is wrong, and says which
    except BadInput:
        del rows[len(found) :]  # what follows does not count
        raise
    return found


def _until_eof(body: bytes) -> bytes:
    found = body.rstrip(b"\n")
    if found != b"# EOF" and not found.endswith(b"\n# EOF"):
        raise BadInput("an OpenMetrics exposition ends with `# EOF`, and this one does not: it was cut off")
    return found[: -len(b"# EOF")]
