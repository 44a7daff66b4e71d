"""Our own language tests, in the notation of Prometheus' (`cases/*.test`): every function and operator has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic_metrics.promql.ast import AGGREGATORS, Aggregate, Binary, Call
from paramedic_metrics.promql.lexer import KEYWORDS
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.signatures import FUNCTIONS
from support_conformance import EVERYTHING, run, walk
from support_promqltest import Case, commands

FILES = sorted((Path(__file__).parent / "cases").glob("*.test"))
OPERATORS = frozenset(
    ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", ">", "<=", ">=", "and", "or", "unless", "</", ">/"]
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_case_gives_what_it_says(path: Path) -> None:
    outcomes = list(run(path))
    assert outcomes
    wrong = [f"{o.case.line}: {o.case.query}\n    {o.problem}" for o in outcomes if o.problem]
    assert not wrong, "\n".join(wrong)


def test_no_function_and_no_operator_goes_untested() -> None:
    seen: set[str] = set()
    for path in FILES:
        for command in commands(path):
            if not isinstance(command, Case) or command.of("fail"):
                continue
            for node in walk(parse(command.query, EVERYTHING)):
                if isinstance(node, Call):
                    seen.add(node.function.name)
                elif isinstance(node, Binary | Aggregate):
                    seen.add(node.op)
    assert AGGREGATORS <= KEYWORDS
    folded = {"start", "end", "step", "range"}
    missing = (set(FUNCTIONS) | AGGREGATORS | OPERATORS) - seen - folded
    refused = {"info", "</", ">/", *(f"histogram_{of}" for of in ("avg", "count", "sum", "stddev", "stdvar"))}
    assert missing == refused, f"no case in cases/*.test has {sorted(missing)}"
