"""Expositions are read as Prometheus reads them, and hostile ones harm nobody."""

from __future__ import annotations

import math
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from paramedic_core.errors import BadInput
from paramedic_metrics.scrape import exposition
from paramedic_metrics.scrape.exposition import DROPPED, Reader
from paramedic_metrics.scrape.line import MOST_LINE, Pairs
from support_collector import fixtures
from support_metrics import text


class Table:
    """Rows by labels."""

    def __init__(self) -> None:
        self.labels: list[tuple[tuple[str, str], ...]] = []

    def resolve(self, pairs: Pairs) -> int:
        self.labels.append(tuple(sorted(pairs)))
        return len(self.labels) - 1


def read(body: bytes, *, openmetrics: bool = False) -> dict[str, float]:
    """Every sample, read twice: the second time by what was remembered."""
    table = Table()
    reader = Reader(table.resolve)
    first = reader.read(body, openmetrics=openmetrics)
    known = len(table.labels)
    second = reader.read(body, openmetrics=openmetrics)
    assert len(table.labels) == known  # nothing was new
    assert (first.rows, first.stamped and [s[:2] for s in first.stamped]) == (
        second.rows,
        second.stamped and [s[:2] for s in second.stamped],
    )
    found = {text(table.labels[row]): value for row, value in zip(second.rows, second.values, strict=True)}
    return found | {f"{text(table.labels[row])} @{stamp}": value for row, stamp, value in second.stamped}


def test_all_forms_of_a_line() -> None:
    body = b"""# HELP a what it\\n is
# TYPE a counter
# a comment
a 1
 \ta{x="1"}\t2e3
a { x = "2" , y="\\"q\\\\\\n" , } -Inf
a{x="3"} NaN 1520879607789
{"my.name","l.x"="v"} 0x
"""
    with pytest.raises(BadInput, match="'0x' is no number"):
        read(body)
    found = read(body.replace(b"0x", b"+Inf"))
    nan = found.pop('a{x="3"} @1520879607789')
    assert math.isnan(nan)
    assert found == {
        "a": 1.0,
        'a{x="1"}': 2000.0,
        'a{x="2",y=""q\\\n"}': -math.inf,
        'my.name{l.x="v"}': math.inf,
    }


def test_families_are_described() -> None:
    reader = Reader(Table().resolve)
    reader.read(b"# HELP a what it\\n is \\\\\n# TYPE a counter\na 1\n")
    reader.read(b"# UNIT b_seconds seconds\n# TYPE b_seconds gauge\nb_seconds 1\n# EOF\n", openmetrics=True)
    a, b = reader.families["a"], reader.families["b_seconds"]
    assert (a.type, a.help, b.type, b.unit) == ("counter", "what it\n is \\", "gauge", "seconds")


def test_openmetrics_has_exemplars_seconds_and_an_end() -> None:
    body = b'a_total{x="1 # {2"} 17 # {trace="a b"} 0.5 123.4\nb 3 1520430001.5\n# EOF\n'
    assert read(body, openmetrics=True) == {'a_total{x="1 # {2"}': 17.0, "b @1520430001500": 3.0}
    with pytest.raises(BadInput, match="cut off"):
        read(body.removesuffix(b"# EOF\n"), openmetrics=True)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'a{b="c" 1', "cannot be read at byte 9"),
        (b'a{b="c"} ', "expected a value"),
        (b"a", "expected a value"),
        (b'a{b="c"} x', "no number"),
        (b"a 1_0", "no number"),
        (b"a 0x1p3", "no number"),
        (b"a 1\r", "no number"),
        (b"{} 1", "no name"),
        (b'{b="c"} 1', "no name"),
        (b'a{b="c",b="d"} 1', "stands twice"),
        (b'a{__name__="b"} 1', "stands twice"),
        (b'a{b="\xff"} 1', "not UTF-8"),
        (b"a 1 2 3", "more than a value"),
        (b"a 1 x", "no timestamp"),
        (b"a 1 99999999999999999999", "no timestamp"),
        (b'a{b="c"d="e"} 1', "cannot be read"),
        (b"=1", "begins with"),
        (b"9a 1", "begins with"),
        (b"a{" + b",".join(b'l%d="x"' % n for n in range(300)) + b"} 1", "more than 256 labels"),
        (b"a " + b"1" * MOST_LINE, "a line of"),
    ],
)
def test_a_bad_line_is_named(line: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        Reader(Table().resolve).read(b"good 1\n" + line + b"\n")


def test_dropped_series_are_counted_and_left_out() -> None:
    reader = Reader(lambda pairs: DROPPED if ("x", "1") in pairs else 7)
    found = reader.read(b'a{x="1"} 1\na{x="2"} 2\na{x="1"} 3 4000\n')
    assert (found.rows, found.values, found.stamped, found.lines) == ([7], [2.0], [], 3)


def test_what_has_gone_is_forgotten() -> None:
    reader = Reader(Table().resolve)
    for wave in range(5):
        seen = reader.read(b"".join(b'a{wave="%d",n="%d"} 1\n' % (wave, n) for n in range(3000)))
        reader.forget(set(seen.rows))
        assert len(reader) <= 2 * 3000 + 1000


def test_ever_new_prefixes_of_the_same_series_are_forgotten_too() -> None:
    reader = Reader(lambda pairs: int(dict(pairs)["n"]))
    most = 0
    for wave in range(500):
        body = b"".join(b'a{n="%d",request="%d"} 1\n' % (n, wave) for n in range(10))
        found = reader.read(body)
        assert found.rows == list(range(10))
        reader.forget(set(found.rows))
        most = max(most, len(reader))
    assert 500 < most <= 2 * 10 + 1000


def test_lines_that_are_dropped_are_remembered_as_long_as_they_come() -> None:
    asked: list[str] = []

    def resolve(pairs: Pairs) -> int:
        asked.append(dict(pairs)["__name__"])
        return DROPPED if asked[-1] == "d" else 7

    reader = Reader(resolve)
    body = b"".join(b'd{i="%d"} 1\n' % i for i in range(5000)) + b"keep 1\n"
    for _ in range(3):
        found = reader.read(body)
        reader.forget(set(found.rows))
        assert (found.rows, found.values, found.lines, found.kept) == ([7], [1.0], 5001, 1)
    assert len(asked) == 5001
    for wave in range(4):
        reader.read(b"".join(b'd{w="%d",i="%d"} 1 1000\n' % (wave, i) for i in range(1500)) + b"keep 1\n")
        reader.forget({7})
    assert len(reader) <= 2 * 1501 + 1000


def test_what_is_kept_of_dropped_lines_and_comments_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("_MOST_DROPPED", "_MOST_COMMENTS", "_MOST_SAID"):
        monkeypatch.setattr(exposition, bound, 50_000)
    reader = Reader(lambda _pairs: DROPPED)
    for wave in range(5):
        lines = [b'd{w="%d",i="%d",x="%s"} 1' % (wave, i, b"x" * 400) for i in range(400)]
        lines += [b"# HELP h%d_%d %s" % (wave, i, b"y" * 400) for i in range(400)]
        lines += [b"# %d %d %s" % (wave, i, b"z" * 400) for i in range(400)]
        found = reader.read(b"\n".join([*lines, b""]))
        assert (found.lines, found.kept, found.rows) == (400, 0, [])
        assert 50 < len(reader) <= 50_000 // 400
        assert 50 < len(reader._comments) <= 50_000 // 400
        assert 50 < len(reader.families) <= 50_000 // 400
        reader.forget(set())
    assert not reader._comments, "those of the next exposition have room"
    reader.read(b"# TYPE h0_0 counter\n# HELP h0_0 short\n# TYPE later gauge\n")
    assert (reader.families["h0_0"].type, reader.families["h0_0"].help) == ("counter", "short")


def test_the_recorded_node_exporter_is_read_as_the_client_library_reads_it() -> None:
    body = (fixtures() / "e2e-output.txt").read_bytes()
    wanted = {
        text(tuple(sorted({**s.labels, "__name__": s.name}.items()))): s.value
        for family in text_families(body.decode())
        for s in family.samples
    }
    found = read(body)
    assert found.keys() == wanted.keys()
    assert len(found) > 2500
    assert all(found[k] == v or (math.isnan(v) and math.isnan(found[k])) for k, v in wanted.items())


_VALUES = st.floats(allow_nan=False).map(repr)
_TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r"), max_size=12)
_LABELS = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), _TEXTS, max_size=4)
_SAMPLES = st.lists(st.tuples(st.from_regex(r"[a-z_:][a-z0-9_:]{0,8}", fullmatch=True), _LABELS, _VALUES), max_size=12)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@settings(max_examples=200, deadline=None)
@given(_SAMPLES)
def test_what_is_well_formed_is_read_as_the_client_library_reads_it(
    samples: list[tuple[str, dict[str, str], str]],
) -> None:
    lines = []
    for name, labels, value in samples:
        pairs = ",".join([f'{key}="{_escaped(held)}"' for key, held in labels.items() if key != "__name__"])
        lines.append(f"{name}{{{pairs}}} {value}")
    body = "\n".join(lines) + "\n"
    wanted = {
        text(tuple(sorted({**s.labels, "__name__": s.name}.items()))): s.value
        for family in text_families(body)
        for s in family.samples
    }
    assert read(body.encode()) == wanted


def test_openmetrics_is_read_as_the_client_library_reads_it() -> None:
    body = (
        "# TYPE h histogram\n# HELP h x\n"
        'h_bucket{le="0.5"} 1 # {t="1"} 0.25 1520879607.789\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 3.5\nh_created 1.5\n'
        '# TYPE i info\ni_info{v="1.2"} 1\n# TYPE s stateset\ns{s="a"} 1\ns{s="b"} 0\n# EOF\n'
    )
    wanted = {
        text(tuple(sorted({**s.labels, "__name__": s.name}.items()))): s.value
        for family in open_families(body)
        for s in family.samples
    }
    assert read(body.encode(), openmetrics=True) == wanted


_SEEDS = (
    b"# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.",
    b"# TYPE node_cpu_seconds_total counter",
    b'node_cpu_seconds_total{cpu="0",mode="idle"} 18870.52',
    b'node_filesystem_avail_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/a \\"b\\""} 1.5e+10 1520879607789',
    b"go_gc_duration_seconds_sum NaN",
    b'{"a.b",c="d"} 1 # {e="f"} 2 3',
    b'http_bucket{le="+Inf",} 7 # {trace_id="oHg5SJYRHA0"} 0.67',
    b"# UNIT a seconds",
    b"# EOF",
    b"",
)


def test_hostile_bytes_end_in_an_error_or_in_samples() -> None:
    lines = list(_SEEDS)
    luck = random.Random(7)
    began = time.monotonic()
    for round_ in range(2000):
        raw = bytearray(b"\n".join(luck.sample(lines, 5)))
        for _ in range(luck.randint(1, 8)):
            place = luck.randrange(len(raw) + 1)
            kind = luck.randrange(3)
            if kind == 0:
                raw[place:place] = luck.choice(
                    [b'"', b"{", b"}", b"\\", b"\n", b",", b" ", b"#", b"\0", b"\xff", b"1e999"]
                )
            elif kind == 1:
                del raw[place : place + luck.randint(1, 9)]
            else:
                raw[place:place] = bytes(luck.choices(range(256), k=4))
        try:
            found = Reader(Table().resolve).read(bytes(raw), openmetrics=round_ % 2 == 1)
        except BadInput:
            continue
        assert len(found.rows) == len(found.values)
    assert time.monotonic() - began < 120


@pytest.mark.parametrize(
    "body", [b'a{b="' * 40_000, b'a{b="' + b"\\" * 200_000, b"{" * 200_000, b'a{b="c",' * 30_000, b" " * 250_000]
)
def test_long_lines_take_no_long_time(body: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(BadInput):
        Reader(Table().resolve).read(body + b"x")
    assert time.monotonic() - began < 10
