"""Numbers as Go writes them, labels that nothing can break out of, and a text that parsers read back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.exposition import MOST_LABEL, Exposition, Family, label_name, number, prefix, render


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (-1, "-1"), (999999, "999999"), (1000000, "1e+06"), (1234567, "1.234567e+06"),
        (-2500000, "-2.5e+06"), (9007199254740993, "9.007199254740992e+15"), (2**60, "1.152921504606847e+18"),
        (0.0, "0"), (-0.0, "-0"), (0.1, "0.1"), (100.0, "100"), (1e6, "1e+06"), (1234567.5, "1.2345675e+06"),
        (0.0001, "0.0001"), (0.00001, "1e-05"), (123456.789, "123456.789"), (9653.880000000001, "9653.880000000001"),
        (1e15, "1e+15"), (1e16, "1e+16"), (1e21, "1e+21"), (1e100, "1e+100"), (5e-324, "5e-324"),
        (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_go_writes_it(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False) | st.integers(-(2**64), 2**64))
def test_a_number_reads_back_as_the_same_float(value: float) -> None:
    text = number(value)
    assert float(text) == float(value)
    if math.isfinite(value):
        assert _digits(text) == _digits(repr(float(value)))  # and none is shorter


def _digits(text: str) -> str:
    return text.partition("e")[0].replace(".", "").strip("-0")


_ANY = st.text(st.characters(exclude_categories=()), max_size=40)


@given(st.dictionaries(st.sampled_from(["a", "b", "name"]), _ANY))
def test_labels_come_back_whatever_is_in_them(labels: dict[str, str]) -> None:
    out = Exposition()
    out.add(Family("x", "gauge", "text\nwith \\ and a line"), 1, **labels)
    text = render([out])
    assert text.count("\n") == 3
    (family,) = text_string_to_metric_families(text)
    readable = {key: value.encode("utf-8", "replace").decode() for key, value in labels.items()}
    assert family.samples[0].labels == readable


def test_a_value_of_a_megabyte_is_cut() -> None:
    assert len(prefix("x", {"a": "y" * (1 << 20)})) == len('x{a=""} ') + MOST_LABEL


def test_a_label_name_has_only_what_prometheus_allows() -> None:
    assert label_name("com.docker/compose-ü.x") == "com_docker_compose___x"


def test_families_stand_in_order_each_in_one_block() -> None:
    one, two = Exposition(), Exposition()
    b, a = Family("b", "gauge", "B"), Family("a", "counter", "A")
    one.add(b, 1, i="1")
    two.add(a, 2)
    one.add(b, 3, i="2")
    assert render([one, two]) == (
        '# HELP a A\n# TYPE a counter\na 2\n# HELP b B\n# TYPE b gauge\nb{i="1"} 1\nb{i="2"} 3\n'
    )
