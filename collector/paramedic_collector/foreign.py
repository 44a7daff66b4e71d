"""What an application serves as its metrics, checked line by line before it goes any further.

Text 0.0.4 and OpenMetrics 1.0. Nothing is rewritten: an exposition is passed on as it is, or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from paramedic_core.errors import BadInput

_LABEL = rb'[a-zA-Z_][a-zA-Z0-9_]*+[ \t]*+=[ \t]*+"(?:[^"\\\n]|\\.)*+"'
_VALUE = rb"[-+]?+(?:(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?+\d++)?+|[iI]nf(?:inity)?+|[nN]a[nN]|0x[0-9a-fA-F]++)"
_SAMPLE = re.compile(
    rb"[a-zA-Z_:][a-zA-Z0-9_:]*+[ \t]*+"
    rb"(?:\{[ \t]*+(?:" + _LABEL + rb"[ \t]*+(?:,[ \t]*+|(?=\})))*+\})?+"
    rb"[ \t]*+(?:(?<=[ \t}]))" + _VALUE + rb"(?:[ \t]++-?\d++(?:\.\d*+)?+(?:[eE][-+]?+\d++)?+)?+"
    rb"(?:[ \t]++\#[ \t]*+\{[^\n]*+)?+[ \t\r]*+"
)
_ONE_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\\n]|\\.)*+)"')
_MOST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one application may say; Prometheus' names for it."""

    samples: int
    labels: int
    label_name: int
    label_value: int


def check(body: bytes, bounds: Bounds, *, openmetrics: bool) -> int:
    """Check a whole exposition.

    Returns:
        how many samples it has.

    Raises:
        BadInput: a line is none of its format, or a bound is passed; the line is named.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start} is no UTF-8") from None
    lines = body.split(b"\n")
    if openmetrics:
        while lines and not lines[-1]:
            lines.pop()
        if not lines or lines.pop() != b"# EOF":
            raise BadInput("it is OpenMetrics that does not end with `# EOF`: cut off")
    count, match = 0, _SAMPLE.fullmatch
    # A line this short, or with as few quotes, cannot pass the bounds of labels.
    short, few = min(bounds.label_value, bounds.label_name), bounds.labels
    for number, line in enumerate(lines, 1):
        if not line or line.startswith(b"#"):
            if len(line) > _MOST_LINE:
                raise BadInput(f"line {number} has {len(line)} bytes")
            continue
        if len(line) > _MOST_LINE or not match(line):
            if not line.strip(b" \t\r"):
                continue
            shown = line[:80].decode("utf-8", "replace")
            raise BadInput(f"line {number} is no sample: {shown!r}")
        count += 1
        if count > bounds.samples:
            raise BadInput(f"it has more than {bounds.samples} samples")
        if len(line) > short or line.count(b"=") > few:
            _labels(line, number, bounds)
    return count


def _labels(line: bytes, number: int, bounds: Bounds) -> None:
    labels = _ONE_LABEL.findall(line.partition(b" # {")[0])
    if len(labels) > bounds.labels:
        raise BadInput(f"line {number} has {len(labels)} labels, more than {bounds.labels}")
    for name, value in labels:
        if len(name) > bounds.label_name or len(value) > bounds.label_value:
            what = f"the label {name[:40].decode()} of line {number} has {len(name)} and {len(value)} bytes"
            raise BadInput(f"{what}, more than {bounds.label_name} and {bounds.label_value}")
