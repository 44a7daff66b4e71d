"""Foreign bytes as configuration: each is read, or refused with a place, within bounds."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.config.text import MOST_BYTES, Node, parse, read_file, scalar


@pytest.fixture(autouse=True, params=["CSafeLoader", "SafeLoader"], scope="module")
def loader(request):
    """Every test with libyaml and without: PyYAML may have been built either way."""
    if not hasattr(yaml, request.param):
        pytest.skip(f"this PyYAML has no {request.param}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paramedic_core.config.events._LOADER", getattr(yaml, request.param))
        yield


def plain(node):
    if isinstance(node.value, dict):
        return {k: plain(v) for k, v in node.value.items()}
    return [plain(v) for v in node.value] if isinstance(node.value, list) else node.value


def test_words_are_read_as_yaml_1_2_does():
    text = (
        "a: off\nb: no\nc: 1:30\nd: 0755\ne: 2001-01-01\nf: true\ng: ~\nh: 'true'\ni: 1.5\nj: \"3\"\nk: .5\nl: NULL\n"
    )
    expected = {"a": "off", "b": "no", "c": "1:30", "d": 755, "e": "2001-01-01", "f": True, "g": None, "h": "true"}
    assert plain(parse(text, "x").root) == expected | {"i": 1.5, "j": "3", "k": 0.5, "l": None}


def test_places():
    root = parse("a:\n  b: [1,\n   two]\n", "f").root
    b = root.value["a"].value["b"]
    assert str(b.key_place) == "f:2:3"
    assert [str(n.place) for n in b.value] == ["f:2:7", "f:3:4"]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a: &x 1\nb: *x\n", "f:1:4", "anchors and aliases"),
        ("a: *x\n", "f:1:4", "anchors and aliases"),
        ("a: 1\n<<: {b: 2}\n", "f:2:1", "a key must be a plain word"),
        ("? [a]\n: b\n", "f:1:3", "a key must be a plain word"),
        ("a: !!python/object/apply:os.system ['true']\n", "f:1:4", "tags"),
        ("a: !env X\n", "f:1:4", "tags"),
        ("a: 1\n---\nb: 2\n", "f:2:1", "a second document"),
        ("a: 1\n b: 2\n", "f:2:", "not YAML"),
        ("a: 'open\n", "f:", "not YAML"),
        ("a:\n\tb: 1\n", "f:2:1", "never with tabs"),
        ("a: \x00\n", "f", "not YAML"),
        ("a" * 2000 + ": 1\nb\n", "f:", "not YAML"),
    ],
)
def test_what_is_refused(text, place, says):
    parsed = parse(text, "f")
    assert [says in str(m) for m in parsed.mistakes] == [True], [str(m) for m in parsed.mistakes]
    assert str(parsed.mistakes[0].place).startswith(place)


def test_a_key_given_twice_is_named_and_the_rest_is_still_read():
    parsed = parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f")
    assert [str(m.place) for m in parsed.mistakes] == ["f:2:1", "f:3:11"]
    assert plain(parsed.root) == {"a": 1, "b": {"c": 1}}


def test_a_bomb_of_aliases_costs_nothing():
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    started = time.monotonic()
    assert "anchors" in str(parse("\n".join(lines), "f").mistakes[0])
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 100_000, "- " * 200_000, "? " * 200_000])
def test_deep_nesting_is_refused_at_once(text):
    started = time.monotonic()
    assert len(parse(text, "f").mistakes) == 1
    assert time.monotonic() - started < 10


def test_files(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"node: a\nlog_level: \xff\n")
    assert str(read_file(path).mistakes[0]) == f"{path}:2:12: not UTF-8: save the file as UTF-8"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    assert "larger than 1 MiB" in str(read_file(path).mistakes[0])
    path.write_bytes(b"#" * MOST_BYTES)
    assert not read_file(path).mistakes
    assert "cannot be read" in str(read_file(tmp_path / "none").mistakes[0])
    assert "cannot be read" in str(read_file(tmp_path).mistakes[0])


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    parsed = parse(text, "f")
    assert parsed.mistakes or parsed.root is None or isinstance(parsed.root, Node)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "foreign.yaml"
    path.write_bytes(data)
    parsed = read_file(path)
    assert all(str(m).isprintable() for m in parsed.mistakes)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ": ",
                "- ",
                "\n",
                "  ",
                "[",
                "]",
                "{",
                "}",
                ", ",
                "'",
                '"',
                "#",
                "|",
                ">",
                "&a ",
                "*a",
                "? ",
                "!x ",
                "---",
                "...",
                "%",
                "\t",
                "0",
                "~",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_any_punctuation_is_read_or_refused(text):
    parsed = parse(text, "f")
    assert parsed.mistakes or parsed.root is None or isinstance(parsed.root, Node)


@given(st.text(alphabet="-+0123456789.eE~nulltrefasNaInf", max_size=12))
def test_a_scalar_is_finite_or_text(text):
    value = scalar(text)
    assert value is None or isinstance(value, (bool, int, str)) or abs(value) <= float("inf")
