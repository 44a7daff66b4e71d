"""Queries made up at random, over names and labels that exist: for comparing engines and parsers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

from paramedic_metrics.promql.golang import quote
from paramedic_metrics.promql.labels import NAME, value_of
from paramedic_metrics.series import Labels

RANGE_FUNCTIONS = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "first_over_time",
    "present_over_time",
    "absent_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "changes",
    "resets",
    "deriv",
    "mad_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
]
SAMPLE_FUNCTIONS = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "sqrt",
    "ln",
    "log2",
    "log10",
    "sgn",
    "round",
    "deg",
    "rad",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "timestamp",
    "absent",
    "sort",
    "sort_desc",
]
DATE_FUNCTIONS = ["hour", "minute", "month", "year", "day_of_week", "day_of_month", "day_of_year", "days_in_month"]
AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", "<", ">", "<=", ">="]
RANGES = ("30s", "45s", "1m", "1m30s", "2m", "5m", "7m13s")


class Queries:
    """A source of queries.

    Args:
        seed: the same one gives the same queries.
        series: what exists.
        stable: only what is on by default in Prometheus.
    """

    def __init__(self, seed: int, series: Sequence[Labels], *, stable: bool = False) -> None:
        self._random = random.Random(seed)
        self._series = list(series)
        self._stable = stable
        count = Counter(value_of(each, NAME) for each in series)
        # Metrics of many series are where matching and grouping happen: they come up more often.
        self._names = [name for name in sorted(count) for _ in range(min(count[name], 8))]
        self._counters = [name for name in self._names if name.endswith(("_total", "_count", "_sum"))] or self._names
        self._buckets = [name for name in self._names if name.endswith("_bucket")]

    def next(self) -> str:
        """A query of a scalar or an instant vector."""
        return self._scalar(2) if self._random.random() < 0.05 else self._vector(self._random.randint(1, 4))

    def _one(self, *makers: Callable[[], str]) -> str:
        return self._random.choice(makers)()

    def _label(self) -> str:
        return self._random.choice([name for name, _ in self._random.choice(self._series) if name != NAME] or ["job"])

    def _labels(self, most: int = 2) -> str:
        return ", ".join(sorted({self._label() for _ in range(self._random.randint(0, most))}))

    def _matchers(self, name: str) -> str:
        rng = self._random
        of_name = [each for each in self._series if value_of(each, NAME) == name]
        pairs = [pair for pair in rng.choice(of_name) if pair[0] != NAME]
        chosen = rng.sample(pairs, min(len(pairs), rng.choice((0, 0, 0, 1, 1, 2))))
        return ", ".join(self._matcher(*pair) for pair in chosen)

    def _matcher(self, name: str, value: str) -> str:
        op = self._random.choice(("=", "=", "=", "!=", "=~", "!~"))
        if "~" in op:
            value = (
                self._random.choice((value[:2] + ".*", ".+", f"{value[:3]}.*|x", ""))
                .replace("\\", "")
                .replace("(", ".")
                .replace("+I", ".I")
            )
        return f"{name}{op}{quote(value)}"

    def selector(self, *, counter: bool = False) -> str:
        """A bare selector."""
        name = self._random.choice(self._counters if counter else self._names)
        matchers = self._matchers(name)
        return f"{name}{{{matchers}}}" if matchers else name

    def _shift(self) -> str:
        roll = self._random.random()
        if roll < 0.08:
            return f" offset {self._random.choice(('30s', '1m', '-45s', '2m', '-1m'))}"
        if roll < 0.12:
            return self._random.choice((" @ start()", " @ end()", " @ start() offset 1m"))
        return ""

    def _range(self, depth: int, *, counter: bool = False) -> str:
        span = self._random.choice(RANGES)
        if depth > 1 and self._random.random() < 0.15:
            step = self._random.choice(("", "15s", "20s", "1m"))
            return f"({self._vector(depth - 1)})[{span}:{step}]{self._shift()}"
        return f"{self.selector(counter=counter)}[{span}]{self._shift()}"

    def _scalar(self, depth: int) -> str:
        rng = self._random
        return self._one(
            lambda: repr(round(rng.uniform(-3, 3), 2)),
            lambda: rng.choice(("0", "1", "2", "10", "1e6", "0.5", "-1", "Inf", "5m")),
            lambda: "time()",
            lambda: "pi()",
            lambda: f"scalar({self._vector(depth - 1)})" if depth > 1 else "1",
            lambda: (
                f"({self._scalar(depth - 1)} {rng.choice(ARITHMETIC)} {self._scalar(depth - 1)})" if depth > 1 else "2"
            ),
        )

    def _vector(self, depth: int) -> str:
        if depth <= 1:
            return self._one(
                lambda: self.selector() + self._shift(),
                lambda: self._of_range(1),
                lambda: f"rate({self._range(1, counter=True)})",
            )
        return self._one(
            lambda: self._of_range(depth),
            lambda: self._of_range(depth),
            lambda: self._of_samples(depth),
            lambda: self._aggregation(depth),
            lambda: self._aggregation(depth),
            lambda: self._with_scalar(depth),
            lambda: self._with_vector(depth),
            lambda: self._set(depth),
            lambda: self._labelled(depth),
            lambda: self._histogram(depth),
            lambda: f"-{self._vector(depth - 1)}" if self._random.random() < 0.5 else f"({self._vector(depth - 1)})",
        )

    def _of_range(self, depth: int) -> str:
        rng = self._random
        roll = rng.random()
        if roll < 0.1:
            return f"quantile_over_time({rng.choice(('0.5', '0.9', '0', '1', '-1', '0.25'))}, {self._range(depth)})"
        if roll < 0.15:
            return f"predict_linear({self._range(depth)}, {rng.choice(('60', '3600', '-30'))})"
        names = [name for name in RANGE_FUNCTIONS if not (self._stable and (name.startswith("ts_of") or "mad" in name))]
        name = rng.choice(names)
        return f"{name}({self._range(depth, counter=name in ('rate', 'increase', 'irate', 'resets'))})"

    def _of_samples(self, depth: int) -> str:
        rng, inner = self._random, self._vector(depth - 1)
        roll = rng.random()
        if roll < 0.2:
            low, high = sorted((round(rng.uniform(-100, 100), 1), round(rng.uniform(-100, 1e4), 1)))
            return rng.choice(
                (f"clamp({inner}, {low}, {high})", f"clamp_min({inner}, {low})", f"clamp_max({inner}, {high})")
            )
        if roll < 0.3:
            return f"round({inner}, {rng.choice(('0.1', '5', '1'))})"
        if roll < 0.37:
            # A date of NaN is whatever the processor makes of it in Go: only of real times.
            return f"{rng.choice(DATE_FUNCTIONS)}(timestamp({inner}) * {rng.choice(('1', '0.7', '3', '-1'))})"
        return f"{rng.choice(SAMPLE_FUNCTIONS)}({inner})"

    def _aggregation(self, depth: int) -> str:
        rng, inner = self._random, self._vector(depth - 1)
        by = rng.choice(("", "", f" by ({self._labels()})", f" without ({self._labels()})"))
        roll = rng.random()
        if roll < 0.1:
            return f"quantile{by} ({rng.choice(('0.5', '0.9', '0.1', '2'))}, {inner})"
        if roll < 0.2:
            # Which of equal series is taken is nobody's promise; their sum is.
            return f"sum({rng.choice(('topk', 'bottomk'))}{by} ({rng.randint(1, 6)}, {inner}))"
        if roll < 0.25:
            return f'count_values{by} ("value", {inner})'
        return f"{rng.choice(AGGREGATIONS)}{by} ({inner})"

    def _with_scalar(self, depth: int) -> str:
        op = self._random.choice((*ARITHMETIC, *COMPARISONS, *(f"{each} bool" for each in COMPARISONS)))
        sides = [self._vector(depth - 1), self._scalar(1)]
        self._random.shuffle(sides)
        return f"({sides[0]} {op} {sides[1]})"

    def _with_vector(self, depth: int) -> str:
        rng = self._random
        op = rng.choice((*ARITHMETIC, *COMPARISONS, *(f"{each} bool" for each in COMPARISONS)))
        left = self._vector(depth - 1)
        right = left if rng.random() < 0.5 else self._vector(depth - 1)
        if rng.random() < 0.5:
            label = self._label()
            inner = f"{rng.choice(('max', 'sum', 'count'))} by ({label}) ({right})"
            return f"({left} {op} on ({label}) group_left ({rng.choice(('', self._label()))}) {inner})".replace(
                f"group_left ({label})", "group_left ()"
            )
        how = rng.choice(("", "", f" on ({self._labels()})", f" ignoring ({self._labels()})"))
        return f"({left} {op}{how} {right})"

    def _set(self, depth: int) -> str:
        rng = self._random
        how = rng.choice(("", "", f" on ({self._labels()})", f" ignoring ({self._labels()})"))
        left = self._vector(depth - 1)
        right = rng.choice((left, self._vector(depth - 1)))
        return f"({left} {rng.choice(('and', 'or', 'unless'))}{how} {right})"

    def _labelled(self, depth: int) -> str:
        inner, label = self._vector(depth - 1), self._label()
        return self._one(
            lambda: f'label_replace({inner}, "new", "$1-x", "{label}", "(.).*")',
            lambda: f'label_replace({inner}, "{label}", "", "{label}", ".*")',
            lambda: f'label_join({inner}, "new", "-", "{label}", "{self._label()}")',
        )

    def _histogram(self, depth: int) -> str:
        if not self._buckets:
            return self._vector(depth - 1)
        name = self._random.choice(self._buckets)
        span = self._random.choice(RANGES)
        q = self._random.choice(("0.5", "0.9", "0.99", "0", "1", "1.5"))
        return self._one(
            lambda: f"histogram_quantile({q}, rate({name}[{span}]))",
            lambda: f"histogram_quantile({q}, sum by (le) (increase({name}[{span}])))",
            lambda: f"histogram_quantile({q}, {name})",
            lambda: f"histogram_fraction(0.01, {self._random.choice(('0.1', '1', '100'))}, {name})",
        )
