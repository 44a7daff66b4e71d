"""Words and tables: harmless, aligned, and as wide as the terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.console import table, words
from paramedic.console.table import Cell, columns, render


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (60, "1m"),
        (90, "1m 30s"),
        (3600, "1h"),
        (90_061, "1d 1h"),
        (86_405, "1d"),
        (-5, "0s"),
    ],
)
def test_span(seconds, text):
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (37 << 20, "37.0 MiB"), (5 << 40, "5.0 TiB")]
)
def test_amount(count, text):
    assert words.amount(count) == text


def test_times():
    assert words.moment(0, 1) == "–"
    assert len(words.moment(1_700_000_000, 1_700_000_001)) == 8
    assert words.moment(1_600_000_000, 1_700_000_000).startswith("2020-09-")
    assert words.ago(100, 160) == "1m ago"
    assert words.ago(0, 160) == "–"
    assert (words.counted(1, "try", "tries"), words.counted(2, "try", "tries"), words.counted(0, "thing")) == (
        "1 try",
        "2 tries",
        "0 things",
    )


@given(st.text(max_size=200))
def test_cleaned_text_is_one_printable_line(text):
    assert words.clean(text, 100).isprintable()
    assert len(words.clean(text, 100)) <= 100


def test_clean():
    assert words.clean("a\x1b[31mb\u202ec\nd\te") == "a?[31mb?c d e"
    assert words.clean("x" * 10, 5) == "xxxx…"
    assert words.clean(None) == "None"


def test_columns_line_up():
    lines = render(("A", "NUMBER", "TEXT"), [("one", "1", "x"), ("three", "100", "y z")], right=("NUMBER",))
    assert lines == ["A      NUMBER  TEXT", "one         1  x", "three     100  y z"]


def test_wide_and_combining_characters_line_up():
    lines = render(("A", "B"), [("日本", "x"), ("e\u0301e", "x"), ("abcd", "x")])
    assert {columns(line[: line.index("x")]) for line in lines[1:]} == {6}


def test_the_last_column_is_wrapped_into_the_terminal():
    lines = render(("A", "TEXT"), [("one", "word " * 20)], width=40)
    assert all(columns(line) <= 40 for line in lines)
    assert " ".join(" ".join(lines[1:]).split()) == "one " + ("word " * 20).strip()
    assert all(line.startswith("     ") for line in lines[2:])


def test_a_long_name_leaves_room_for_the_rest():
    name, text = "n" * 109, "word " * 20
    lines = render(("NAME", "NUMBER", "TEXT"), [(name, "1", text), ("short", "200", "x")], right=("NUMBER",), width=80)
    assert all(columns(line) <= 80 for line in lines)
    assert "".join("".join(lines[1:-1]).split()).count("n") == 109
    assert "".join(lines).count("word") == 20
    assert render(("NAME", "TEXT"), [(name, text)])[1].startswith(f"{name}  word"), "nobody looks: nothing has to fit"


def test_an_empty_table_has_its_titles():
    assert render(("A", "B"), []) == ["A  B"]


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=80)), max_size=5), st.integers(40, 120))
def test_any_text_fits(rows, width):
    for line in render(("A", "B"), rows, width=width):
        assert line.isprintable()


def test_colours_are_for_terminals_alone(monkeypatch):
    rows = [(Cell("x", "bad"), "y")]
    assert "\x1b" not in "".join(render(("A", "B"), rows))
    monkeypatch.setattr(table.sys, "stdout", type("Tty", (), {"isatty": staticmethod(lambda: True)})())
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert "\x1b[31mx" in "".join(render(("A", "B"), rows))
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in "".join(render(("A", "B"), rows))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(render(("A", "B"), rows))
