"""The score of our query language in Prometheus' own tests.

Usage: conformance.py DIRECTORY [-v]

DIRECTORY holds the `*.test` files of prometheus/promql/promqltest/testdata. Cases of native histograms, which we refuse, of
experimental syntax and of modes that are off by default are counted apart. The exit status says whether every other case
passes; `-v` names those that do not, of all kinds.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from paramedic_core.errors import ParamedicError  # noqa: E402  the path comes first
from support_conformance import run  # noqa: E402  the path comes first

GROUPS = ("default", "experimental", "mode", "native")


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    files = sorted(Path(sys.argv[1]).glob("*.test"))
    if not files:
        print(f"conformance: no *.test files in {sys.argv[1]}", file=sys.stderr)
        return 2
    print(f"{'file':24}" + "".join(f"{group:>16}" for group in GROUPS))
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    unread = 0
    for file in files:
        try:
            outcomes = list(run(file))
        except ParamedicError as error:
            print(f"{file.stem:24}  not read: {error}")
            unread += 1
            continue
        here = [Counter(o.group for o in outcomes if o.problem is None), Counter(o.group for o in outcomes)]
        passed += here[0]
        total += here[1]
        print(f"{file.stem:24}" + "".join(f"{_score(here[0][group], here[1][group]):>16}" for group in GROUPS))
        for outcome in outcomes:
            if outcome.problem and ("-v" in sys.argv or outcome.group == "default"):
                print(
                    f"    {outcome.group} {file.name}:{outcome.case.line}: {outcome.case.query}\n        {outcome.problem[:300]}"
                )
    print(f"{'all':24}" + "".join(f"{_score(passed[group], total[group]):>16}" for group in GROUPS))
    print(f"float cases in default mode: {passed['default']} of {total['default']}")
    return 0 if passed["default"] == total["default"] and not unread else 1


def _score(passed: int, total: int) -> str:
    return f"{passed}/{total}" if total else "-"


if __name__ == "__main__":
    sys.exit(main())
