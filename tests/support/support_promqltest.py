"""Reads Prometheus' language tests (prometheus/promql/promqltest): loads of series, and queries with what they must give."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from paramedic_metrics.promql.golang import parse_duration, parse_number, unquote
from paramedic_metrics.promql.lexer import Lexer
from paramedic_metrics.series import STALE, Labels

Point = float | None | Literal["histogram"]
"""A value, nothing, or a native histogram, which there are none of here."""

_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(.+)")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+at\s+(\S+)\s+(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_EXPECT_RANGE = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_POINT = re.compile(
    r"_(?:x(?P<gaps>\d+))?$|stale(?:x(?P<stales>\d+))?$"
    r"|(?P<value>[-+]?(?:inf|nan|[0-9.]+(?:e[-+]?[0-9]+)?))(?:(?P<sign>[-+])(?P<delta>[0-9.]+(?:e[-+]?[0-9]+)?))?(?:x(?P<times>\d+))?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Load:
    """Series to add; `points[n]` is at n steps after the epoch."""

    step: int
    series: list[tuple[Labels, list[Point]]]
    native: bool


@dataclass(slots=True)
class Expectation:
    """What an annotation or error must say; None: anything."""

    kind: str
    text: str | None = None
    pattern: str | None = None

    def fits(self, said: str) -> bool:
        if self.pattern is not None:
            return re.search(self.pattern, said) is not None
        return self.text is None or self.text == said


@dataclass(slots=True)
class Case:
    """One query and what it must give."""

    file: str
    line: int
    query: str
    start: int
    end: int
    step: int
    expects: list[Expectation] = field(default_factory=list)
    series: list[tuple[Labels, list[Point]]] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    times: tuple[int, int, int] | None = None

    @property
    def instant(self) -> bool:
        return self.step == 0

    def of(self, kind: str) -> list[Expectation]:
        return [each for each in self.expects if each.kind == kind]


Command = Load | Case | Literal["clear"]


def commands(path: Path) -> Iterator[Command]:
    """The commands of a file, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        line = _stripped(lines[at])
        at += 1
        if not line:
            continue
        block: list[str] = []
        first = at
        while line.lower() != "clear" and at < len(lines) and _stripped(lines[at]):
            block.append(_stripped(lines[at]))
            at += 1
        yield _command(path.stem, first, line, block)


def _stripped(line: str) -> str:
    bare = line.strip()
    return "" if bare.startswith("#") else bare


def _command(file: str, number: int, line: str, block: list[str]) -> Command:
    if line.lower() == "clear":
        return "clear"
    load = _LOAD.fullmatch(line)
    if load:
        # Start times (`series@st`) belong to a mode that there is none of here.
        lines = [each for each in block if not re.match(r"\S*@st\s|[^}]*\}@st\s", each)]
        return Load(parse_duration(load.group(2)), [_series(each) for each in lines], load.group(1) is not None)
    instant = _INSTANT.fullmatch(line)
    if instant:
        time = _time(instant.group(2))
        case = Case(file, number, instant.group(3), time, time, 0)
        return _filled(case, instant.group(1), block)
    ranged = _RANGE.fullmatch(line)
    assert ranged, f"{file}:{number}: {line}"
    start, end, step = (_time(ranged.group(place)) for place in (2, 3, 4))
    return _filled(Case(file, number, ranged.group(5), start, end, step), ranged.group(1), block)


def _time(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    bare = text.lstrip("-")
    return sign * (parse_duration(bare) if not bare.replace(".", "").isdigit() else int(float(bare) * 1000))


def _filled(case: Case, kind: str | None, block: list[str]) -> Case:
    if kind:
        case.expects.append(Expectation(kind))
    for line in block:
        expect, ranged = _EXPECT.fullmatch(line), _EXPECT_RANGE.fullmatch(line)
        if ranged:
            case.times = (_time(ranged.group(1)), _time(ranged.group(2)), _time(ranged.group(3)))
        elif expect:
            said = expect.group(3).strip() if expect.group(3) else None
            regex = expect.group(2) == "regex"
            case.expects.append(Expectation(expect.group(1), None if regex else said, said if regex else None))
        elif line.startswith("expected_fail_message"):
            case.expects.append(Expectation("fail", line.removeprefix("expected_fail_message").strip()))
        elif line.startswith("expected_fail_regexp"):
            case.expects.append(Expectation("fail", None, line.removeprefix("expected_fail_regexp").strip()))
        elif line.startswith("expect string"):
            case.string = unquote(line.removeprefix("expect string").strip())
        else:
            _value(case, line)
    return case


def _value(case: Case, line: str) -> None:
    try:
        case.scalar = parse_number(line)
    except ValueError:
        case.series.append(_series(line))


def _series(line: str) -> tuple[Labels, list[Point]]:
    name, rest = "", line
    if not line.startswith("{"):
        end = re.search(r"[{\s]|$", line)
        assert end is not None
        name, rest = line[: end.start()], line[end.start() :].lstrip()
    pairs: dict[str, str] = {}
    if rest.startswith("{") and not rest.startswith("{{"):
        pairs, rest = _labels(rest)
    if name:
        pairs["__name__"] = name
    return tuple(sorted(pair for pair in pairs.items() if pair[1])), _points(rest)


def _labels(text: str) -> tuple[dict[str, str], str]:
    """The pairs of a label set, and what stands after it. The lexer of queries knows strings and names."""
    lexer = Lexer(text)
    pairs: dict[str, str] = {}
    token = lexer.next()
    while token.kind != "}":
        token = lexer.next()
        if token.kind not in ("IDENT", "STRING"):
            continue
        key = unquote(token.text) if token.kind == "STRING" else token.text
        token = lexer.next()
        if token.kind != "=":
            pairs["__name__"] = key
            continue
        pairs[key] = unquote(lexer.next().text)
    return pairs, text[token.start + 1 :].strip()


def _points(text: str) -> list[Point]:
    points: list[Point] = []
    for word in re.findall(r"\{\{.*?\}\}(?:[-+]\{\{.*?\}\})?\S*|\S+", text):
        points += _expanded(word)
    return points


def _expanded(word: str) -> list[Point]:
    if word.startswith("{{"):
        times = re.search(r"x(\d+)$", word)
        return ["histogram"] * (int(times.group(1)) + 1 if times else 1)
    found = _POINT.match(word)
    assert found, f"no point: {word!r}"
    if word.startswith("_"):
        return [None] * int(found.group("gaps") or 1)
    if word.startswith("stale"):
        return [STALE] * (int(found.group("stales")) + 1 if found.group("stales") else 1)
    value = (
        parse_number(found.group("value").lstrip("+"))
        if "-" not in found.group("value")[:1]
        else -parse_number(found.group("value")[1:])
    )
    delta = parse_number(found.group("delta")) if found.group("delta") else 0.0
    step = -delta if found.group("sign") == "-" else delta
    times = int(found.group("times")) + 1 if found.group("times") else 1
    out: list[Point] = []
    for _ in range(times):
        out.append(value)
        value += step
    return out


def almost_equal(one: float, other: float, tolerance: float = 1e-6) -> bool:
    """Equal but for rounding, as Prometheus' tests compare (util/almost)."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if one == other:
        return True
    size, difference = abs(one) + abs(other), abs(one - other)
    if one == 0 or other == 0 or size < 2.2250738585072014e-308:
        return difference < tolerance * 2.2250738585072014e-308
    return difference / min(size, 1.7976931348623157e308) < tolerance
