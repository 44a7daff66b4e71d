"""Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), made for the hot path.

A series' line is `prefix + number(value)`, where the prefix (`name{labels} `) is made once and kept by the source.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from paramedic_core.counters import escape

MOST_LABEL = 1024
"""Characters of a label's value; what is longer is cut. Prometheus drops a whole scrape over one value that is too long."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family, as declared by the source that emits it; itself a key, by identity."""

    name: str
    kind: str
    """counter, gauge or untyped."""
    help: str
    labels: tuple[str, ...] = ()
    like: str = "node_exporter"
    """Whose name, type and labels these are: node_exporter, cAdvisor, or ours."""

    @property
    def header(self) -> str:
        """The two lines before its samples."""
        text = self.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {self.name} {text}\n# TYPE {self.name} {self.kind}\n"

    def openmetrics(self, taken: Container[str]) -> tuple[str, str]:
        """Its name in OpenMetrics, and the two lines before its samples.

        A counter's name there has no `_total`. One whose samples do not end so, or whose name another family has, is of
        unknown type there: to give its samples another name would break the dashboards that ask for them.

        Args:
            taken: names of other families.
        """
        name, kind = self.name, self.kind
        if kind == "counter" and name.endswith("_total") and name.removesuffix("_total") not in taken:
            name = name.removesuffix("_total")
        elif kind in ("counter", "untyped"):
            kind = "unknown"
        text = self.help.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return name, f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def counter(name: str, text: str, *labels: str) -> Family:
    """A counter of node_exporter's."""
    return Family(name, "counter", text, tuple(sorted(labels)))


def gauge(name: str, text: str, *labels: str) -> Family:
    """A gauge of node_exporter's."""
    return Family(name, "gauge", text, tuple(sorted(labels)))


class Exposition:
    """The samples of one source in one scrape, by family.

    A source writes into one of its own, which is thrown away when the source fails or comes too late.
    """

    __slots__ = ("lines", "problem")

    def __init__(self) -> None:
        self.lines: dict[Family, list[str]] = {}
        self.problem = ""
        """Why something is missing although the rest is good: the source counts as failed, its samples stay."""

    def of(self, family: Family) -> list[str]:
        """The list to which the family's lines are appended, each without its line end; an item may be several lines."""
        found = self.lines.get(family)
        if found is None:
            found = self.lines[family] = []
        return found

    def add(self, family: Family, value: float, **labels: str) -> None:
        """One sample, its line made here: for what is not hot."""
        self.of(family).append(prefix(family.name, labels) + number(value))


def render(parts: Iterable[Exposition], *, openmetrics: bool = False) -> str:
    """The whole exposition, families in the order of their names, as client_golang writes them.

    OpenMetrics' last line, `# EOF`, is left to the caller, who may have more.

    A family that two parts have (text files may hold any) is told once: under the first's type, and each series once.
    """
    blocks: dict[str, tuple[Family, list[str]]] = {}
    for part in parts:
        for family, lines in part.lines.items():
            known = blocks.get(family.name)
            if known is None:
                blocks[family.name] = (family, lines)
            elif known[0].kind == family.kind:
                blocks[family.name] = (known[0], _together(known[1], lines))
    pieces = []
    for _, (family, lines) in sorted(blocks.items()):
        if lines:
            header = family.openmetrics(blocks)[1] if openmetrics else family.header
            pieces += [header, "\n".join(lines), "\n"]
    return "".join(pieces)


def _together(lines: list[str], more: list[str]) -> list[str]:
    there = {line.rpartition(" ")[0] for item in lines for line in item.split("\n")}
    return lines + [line for item in more for line in item.split("\n") if line.rpartition(" ")[0] not in there]


def prefix(name: str, labels: Mapping[str, str]) -> str:
    """`name{labels} ` with the labels in order of their names, values escaped and bounded."""
    if not labels:
        return f"{name} "
    return f"{name}{{{label_pairs(labels)}}} "


def label_pairs(labels: Mapping[str, str]) -> str:
    """What stands between the braces."""
    return ",".join([f'{key}="{label_value(labels[key])}"' for key in sorted(labels)])


def label_value(text: str) -> str:
    """A label's value, escaped, cut at `MOST_LABEL` characters, and valid UTF-8 whatever it came from."""
    if len(text) > MOST_LABEL:
        text = text[:MOST_LABEL]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return escape(text)


def label_name(text: str) -> str:
    """A label's name as cAdvisor makes it: what Prometheus does not allow becomes `_`."""
    return "".join([c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text[:MOST_LABEL]])


def digits(word: bytes) -> str:
    """As `number`, for a whole number that the kernel wrote in decimal.

    Raises:
        ValueError: it is none.
    """
    # Most are small, and their text is what Go would write too.
    if len(word) <= 6 and word.isdigit() and (word[0] != _ZERO or len(word) == 1):
        return word.decode()
    return number(int(word))


def number(value: float) -> str:
    """The shortest text that reads back as the same float, exactly as Go's `strconv.FormatFloat(v, 'g', -1, 64)`."""
    text = repr(value)
    if len(text) <= 6 and text.isdigit():  # small whole numbers: most of what there is
        return text
    if isinstance(value, int):
        # Below 2^53 an integer is its own shortest form; above, the float that Prometheus keeps anyway is what counts.
        text = text if -(1 << 53) <= value <= 1 << 53 else repr(float(value))
    return _as_go(text)


def _as_go(text: str) -> str:
    """Python's shortest form turned into Go's: an exponent from 1e+06 on (Python: 1e+16), and no `.0`."""
    text = text.removesuffix(".0")
    if "e" in text or "n" in text:  # an exponent (both write it alike), nan, inf
        return _SPECIAL.get(text, text)
    sign = "-" if text[0] == "-" else ""
    whole, _, rest = text.removeprefix("-").partition(".")
    if len(whole) <= 6:
        return text
    digits = (whole[1:] + rest).rstrip("0")
    return f"{sign}{whole[0]}{'.' if digits else ''}{digits}e+{len(whole) - 1:02d}"


_ZERO = ord("0")
_SPECIAL = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
