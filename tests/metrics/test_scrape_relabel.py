"""Relabelling as Prometheus does it: the cases of its own table (model/relabel/relabel_test.go) in our words."""

from __future__ import annotations

from typing import Any

import pytest

from paramedic_core.errors import BadInput
from paramedic_metrics.scrape.relabel import relabel, rule

ABC = {"a": "foo", "b": "bar", "c": "baz"}


@pytest.mark.parametrize(
    ("labels", "rules", "wanted"),
    [
        (ABC, [{"source_labels": ("a",), "regex": "f(.*)", "target_label": "d", "separator": ";", "replacement": "ch${1}-ch${1}"}], {**ABC, "d": "choo-choo"}),
        (
            ABC,
            [
                {"source_labels": ("a", "b"), "regex": "f(.*);(.*)r", "target_label": "a", "replacement": "b${1}${2}m"},
                {"source_labels": ("c", "a"), "regex": "(b).*b(.*)ba(.*)", "target_label": "d", "replacement": "$1$2$2$3"},
            ],
            {"a": "boobam", "b": "bar", "c": "baz", "d": "boooom"},
        ),
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": ".*o.*", "action": "drop"}], None),
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": "o", "action": "drop"}], {"a": "foo"}),  # anchored
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": ".*o.*", "action": "keep"}], {"a": "foo"}),
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": "no", "action": "keep"}], None),
        ({"a": "fo\no"}, [{"source_labels": ("a",), "regex": "fo.o", "action": "keep"}], {"a": "fo\no"}),
        # No match leaves the target label alone; a match with an empty replacement deletes it.
        ({"a": "boo"}, [{"source_labels": ("a",), "regex": "f", "target_label": "b", "replacement": "bar"}], {"a": "boo"}),
        ({"a": "foo", "b": "x"}, [{"source_labels": ("a",), "regex": "foo", "target_label": "b", "replacement": ""}], {"a": "foo"}),
        ({"a": "foo"}, [{"target_label": "b", "replacement": "static"}], {"a": "foo", "b": "static"}),
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": "(f)(?P<rest>.*)", "target_label": "${1}x", "replacement": "$rest$$$9"}], {"a": "foo", "fx": "oo$"}),
        ({"a": "foo"}, [{"source_labels": ("a",), "regex": "(f).*", "target_label": "b", "replacement": "$1x"}], {"a": "foo"}),  # the group `1x`, which there is not
        ({"a": "foo\nbar"}, [{"source_labels": ("a",), "target_label": "b", "action": "hashmod", "modulus": 1000}], {"a": "foo\nbar", "b": "734"}),
        (ABC, [{"source_labels": ("c",), "target_label": "d", "action": "hashmod", "modulus": 1000}], {**ABC, "d": "976"}),
        ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"action": "labelmap", "regex": "(b.*)"}], {"a": "foo", "b1": "bar", "b2": "baz"}),
        (
            {"a": "foo", "__meta_my_bar": "aaa", "__meta_my_baz": "bbb", "__meta_other": "ccc"},
            [{"action": "labelmap", "regex": "__meta_(my.*)", "replacement": "${1}"}],
            {"a": "foo", "__meta_my_bar": "aaa", "__meta_my_baz": "bbb", "__meta_other": "ccc", "my_bar": "aaa", "my_baz": "bbb"},
        ),
        ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"action": "labeldrop", "regex": "b.*"}], {"a": "foo"}),
        ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"action": "labelkeep", "regex": "b.*"}], {"b1": "bar", "b2": "baz"}),
        ({"foo": "bAr123Foo"}, [{"action": "uppercase", "source_labels": ("foo",), "target_label": "up"}, {"action": "lowercase", "source_labels": ("foo",), "target_label": "low"}], {"foo": "bAr123Foo", "low": "bar123foo", "up": "BAR123FOO"}),
        ({"__tmp_port": "1234", "__port1": "1234", "__port2": "5678"}, [{"action": "keepequal", "source_labels": ("__port1",), "target_label": "__tmp_port"}], {"__tmp_port": "1234", "__port1": "1234", "__port2": "5678"}),
        ({"__tmp_port": "1234", "__port1": "1234"}, [{"action": "dropequal", "source_labels": ("__port1",), "target_label": "__tmp_port"}], None),
        ({"__tmp_port": "1234", "__port1": "5"}, [{"action": "dropequal", "source_labels": ("__port1",), "target_label": "__tmp_port"}], {"__tmp_port": "1234", "__port1": "5"}),
    ],
)  # fmt: skip
def test_actions(labels: dict[str, str], rules: list[dict[str, Any]], wanted: dict[str, str] | None) -> None:
    assert relabel(labels, [rule(**one) for one in rules]) == wanted


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"regex": "(", "target_label": "a"}, "cannot be read"),
        ({"regex": "a" * 20_000, "target_label": "a"}, "20000 characters"),
        ({"action": "replace"}, "needs a target_label"),
        ({"action": "hashmod", "target_label": "a"}, "modulus"),
        ({"action": "labeldrop", "regex": "a", "source_labels": ("b",)}, "takes regex only"),
        (
            {"action": "keepequal", "source_labels": ("b",), "target_label": "c", "regex": "x"},
            "takes source_labels and",
        ),
    ],
)
def test_a_wrong_rule_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        rule(**given)


def test_a_pattern_that_grows_takes_linear_time() -> None:
    one = rule(action="keep", source_labels=("a",), regex="(a+)+b")
    assert relabel({"a": "a" * 50_000}, [one]) is None
