"""Every function's name and types (prometheus/promql/parser/functions.go, 3.16)."""

from __future__ import annotations

from paramedic_metrics.promql.ast import Signature, ValueType

_SHORT: dict[str, ValueType] = {"v": "vector", "m": "matrix", "s": "scalar", "t": "string"}


def _table() -> dict[str, Signature]:
    table: dict[str, Signature] = {}

    def add(names: str, args: str, returns: str = "v", variadic: int = 0, *, experimental: bool = False) -> None:
        for name in names.split():
            types = tuple(_SHORT[letter] for letter in args)
            table[name] = Signature(name, types, _SHORT[returns], variadic, experimental)

    add(
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sort",
        "v",
    )
    add("sort_desc sqrt tan tanh timestamp histogram_avg histogram_count histogram_sum", "v")
    add("histogram_stddev histogram_stdvar", "v")
    add("absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate", "m")
    add("last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time", "m")
    add("stdvar_over_time sum_over_time", "m")
    add("days_in_month day_of_month day_of_week day_of_year hour minute month year", "v", variadic=1)
    add("clamp", "vss")
    add("clamp_max clamp_min", "vs")
    add("round", "vs", variadic=1)
    add("histogram_fraction", "ssv")
    add("histogram_quantile", "sv")
    add("quantile_over_time", "sm")
    add("predict_linear", "ms")
    add("label_replace", "vtttt")
    add("label_join", "vttt", variadic=-1)
    add("scalar", "v", "s")
    add("vector", "s")
    add("pi time", "", "s")
    add("start end step range", "", "s", experimental=True)
    add("max_of min_of", "ss", "s", experimental=True)
    add("mad_over_time ts_of_first_over_time ts_of_last_over_time", "m", experimental=True)
    add("ts_of_max_over_time ts_of_min_over_time", "m", experimental=True)
    add("double_exponential_smoothing", "mss", experimental=True)
    add("integral", "ms", variadic=1, experimental=True)
    add("histogram_quantiles", "vtss", variadic=9, experimental=True)
    add("info", "vv", variadic=1, experimental=True)
    add("sort_by_label sort_by_label_desc", "vt", variadic=-1, experimental=True)
    add("start_timestamp", "v", experimental=True)
    return table


FUNCTIONS = _table()
