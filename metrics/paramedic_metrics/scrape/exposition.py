"""Reads a whole exposition with the series' lines remembered: a line seen before costs one look into a dictionary.

A series' prefix (`name{labels}`) is constant from scrape to scrape, so its bytes are the key; only values are parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from paramedic_core.errors import BadInput
from paramedic_metrics.scrape.line import Pairs, header, labels, number, split

DROPPED = -1
"""What `resolve` gives for a series that is not kept."""
OVER = -2
"""What it gives for one that only counts, as the scrape is beyond a limit: nothing of it is remembered."""
_MOST_FAMILIES = 20_000
_MOST_HELP = 1024
_SPARE = 1000


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
        self._comments: set[bytes] = set()
        self.families: dict[str, Described] = {}
        """What the target says of its families; at most 20,000."""

    def __len__(self) -> int:
        """How many prefixes are remembered."""
        return len(self._rows)

    def read(self, body: bytes, *, openmetrics: bool = False) -> Read:
        """Read a whole body.

        Raises:
            BadInput: a line of it cannot be read; nothing of it counts then, as in Prometheus.
            Anything that `resolve` raises.
        """
        self._new = []
        if openmetrics:
            body = _until_eof(body)
        known = self._rows.get
        rows: list[int] = []
        texts: list[bytes] = []
        stamped: list[tuple[int, int, bytes]] = []
        add_row, add_text = rows.append, texts.append
        for line in body.split(b"\n"):
            head, _, tail = line.rpartition(b" ")
            row = known(head)
            if row is not None:
                add_row(row)
                add_text(tail)
            elif line and line not in self._comments:
                self._other(line, rows, texts, stamped, openmetrics=openmetrics)
        return _read(rows, _numbers(texts), stamped)

    def undo(self) -> None:
        """Forget the prefixes that the last `read` brought."""
        for prefix in self._new:
            self._rows.pop(prefix, None)
        self._new = []

    def forget(self, seen: set[int], *, every: bool = False) -> None:
        """Let go of the prefixes whose rows were not seen, when they have become many, or in any case."""
        self._new = []
        if every or len(self._rows) > 2 * len(seen) + _SPARE:
            self._rows = {prefix: row for prefix, row in self._rows.items() if row in seen}
        if len(self._comments) > 4 * _MOST_FAMILIES:
            self._comments.clear()

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
            row = self._resolve(labels(found.series))
            if row != OVER:
                self._rows[found.series] = row
                self._new.append(found.series)
        if found.stamp is None:
            rows.append(row)
            texts.append(found.value)
        else:
            stamped.append((row, found.stamp, found.value))

    def _comment(self, bare: bytes, line: bytes) -> None:
        said = header(bare)
        if said is not None:
            known = self.families.get(said.name)
            if known is None:
                if len(self.families) >= _MOST_FAMILIES:
                    return
                known = self.families[said.name] = Described()
            setattr(known, said.kind, said.text[:_MOST_HELP])
        if len(line) <= 4096:
            self._comments.add(line)


def _numbers(texts: list[bytes]) -> list[float]:
    joined = b" ".join(texts)
    if b"_" not in joined and b"\r" not in joined:
        try:
            return list(map(float, texts))
        except ValueError:
            pass
    return [number(text) for text in texts]  # slower: finds the one that is wrong, and says which


def _read(rows: list[int], values: list[float], stamped: list[tuple[int, int, bytes]]) -> Read:
    count = len(rows) + len(stamped)
    if DROPPED in rows:
        kept = [(r, v) for r, v in zip(rows, values, strict=True) if r != DROPPED]
        rows, values = [r for r, _ in kept], [v for _, v in kept]
    return Read(rows, values, [(r, t, number(v)) for r, t, v in stamped if r != DROPPED], count)


def _until_eof(body: bytes) -> bytes:
    found = body.rstrip(b"\n")
    if found != b"# EOF" and not found.endswith(b"\n# EOF"):
        raise BadInput("an OpenMetrics exposition ends with `# EOF`, and this one does not: it was cut off")
    return found[: -len(b"# EOF")]
