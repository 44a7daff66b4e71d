"""Remote write requests are read whatever their shape, and hostile ones harm nobody."""

from __future__ import annotations

import math
import random
import re
import struct
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_core.errors import BadInput
from paramedic_metrics.remote import decode, track
from paramedic_metrics.remote.decode import Decoder, Request
from paramedic_metrics.series import STALE, Labels
from paramedic_metrics.sink import Sample
from support_metrics import delimited, is_stale, packed, remote_request, remote_series, varint

NOW = 1_700_000_000_123
A = [("__name__", "a"), ("x", "1")]


def samples(decoder: Decoder, found: Request) -> list[Sample]:
    rows = zip(found.numbers.tolist(), found.times.tolist(), found.values.tolist(), strict=True)
    return [(decoder.series[number], at, value) for number, at, value in rows]


def taken(decoder: Decoder, body: bytes) -> list[tuple[str, int, float]]:
    found = decoder.decode(decoder.unpack(body))
    return [(dict(labels)["__name__"], at, value) for labels, at, value in samples(decoder, found)]


def test_the_usual_shape_and_every_other() -> None:
    decoder = Decoder()
    for _ in range(2):  # the second time by what was remembered
        body = remote_request(
            remote_series(A, [(NOW, 1.5)]),
            remote_series(A, [(NOW + 1, 0.0)]),
            remote_series(A, [(0, -0.0), (-5, 1e300), (1 << 45, math.inf)]),
            remote_series([("__name__", "b")], []),
        )
        assert taken(decoder, body) == [
            ("a", NOW, 1.5),
            ("a", NOW + 1, 0.0),
            ("a", 0, 0.0),
            ("a", -5, 1e300),
            ("a", 1 << 45, math.inf),
        ]


def test_a_label_set_is_one_object_and_sorted_without_empty_values() -> None:
    decoder = Decoder()
    body = remote_request(remote_series([("x", "1"), ("__name__", "a"), ("y", "")], [(NOW, 1.0)]))
    first = samples(decoder, decoder.decode(decoder.unpack(body)))[0][0]
    second = samples(decoder, decoder.decode(decoder.unpack(body)))[0][0]
    assert first == (("__name__", "a"), ("x", "1"))
    assert first is second


def test_stale_markers_stay_to_the_bit() -> None:
    ((_, _, value),) = taken(Decoder(), remote_request(remote_series(A, [(NOW, STALE)])))
    assert is_stale(value)


def test_metadata_exemplars_and_histograms() -> None:
    family = b"\x08\x01" + delimited(2, b"a_total") + delimited(4, b"what") + delimited(5, b"seconds")
    series = remote_series(A, [(NOW, 1.0)]) + delimited(3, b"\x09" + bytes(8)) + delimited(4, b"\x08\x01")
    decoder = Decoder()
    found = decoder.decode(delimited(1, series) + delimited(3, family) + delimited(9, b"from a newer sender"))
    assert found.families == {"a_total": ("counter", "what", "seconds")}
    assert (found.exemplars, found.histograms, len(found.values)) == (1, 1, 1)


@pytest.mark.parametrize("labels", [[("x", "1")], [("__name__", "")], [*A, ("x", "2")], [("__name__", "a"), ("", "v")]])
def test_labels_that_are_none_are_left_out_and_counted(labels: list[tuple[str, str]]) -> None:
    decoder = Decoder()
    found = decoder.decode(
        decoder.unpack(remote_request(remote_series(labels, [(NOW, 1.0)]), remote_series(A, [(NOW, 2.0)])))
    )
    assert found.invalid == 1
    assert "invalid labels" in found.first_invalid
    assert found.values.tolist() == [2.0]


def test_what_is_too_large_is_refused_before_it_is_unpacked() -> None:
    began = time.monotonic()
    with pytest.raises(BadInput, match="unpacked"):
        Decoder().unpack(varint(1 << 40) + b"\0" * 10)
    with pytest.raises(BadInput, match="corrupt"):
        Decoder().unpack(varint(1 << 24) + b"\0" * 10)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([(f"l{n}", "x") for n in range(300)], "more than 256 labels"),
        ([("x", "a" * 70_000)], r"label b'x' has 1 \+ 70000 bytes"),
        ([("x" * 2_000, "a")], r"has 2000 \+ 1 bytes"),
    ],
)
def test_a_series_whose_labels_are_too_large_costs_itself_only(labels: list[tuple[str, str]], why: str) -> None:
    found = Decoder().decode(
        delimited(1, remote_series([*A, *labels], [(NOW, 1.0)])) + delimited(1, remote_series(A, [(NOW, 2.0)]))
    )
    assert (found.invalid, found.values.tolist()) == (1, [2.0])
    assert re.search(why, found.first_invalid)


def test_a_label_that_is_not_utf_8_costs_its_series_only() -> None:
    bad = remote_series(A, [(NOW, 1.0)]).replace(b"\x12\x011", b"\x12\x01\xff")
    found = Decoder().decode(delimited(1, bad) + delimited(1, remote_series(A, [(NOW, 2.0)])))
    assert (found.invalid, found.values.tolist()) == (1, [2.0])
    assert "not UTF-8: b'\\xff'" in found.first_invalid


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0" * 1000, "the number 0"),
        (b"\x50\0" * 100, "more than 64 fields"),
        (delimited(1, b"\x50\0" * 100), "more than 64 fields"),
        (delimited(1, b"\x12\0" * 100), "more than 64 fields"),
        (delimited(1, b"\x0a\0" * 100), "more than 64 fields"),
        (delimited(1, b"\x0a\0" * 40) * 2, "more than 64 fields"),
        (delimited(1, delimited(1, b"\x50\0" * 100)), "a message has too many fields"),
        (delimited(1, delimited(2, b"\x50\0" * 100)), "a message has too many fields"),
        (delimited(3, b"\x50\0" * 100), "a message has too many fields"),
    ],
)
def test_fields_of_no_use_are_bounded_wherever_they_are(monkeypatch: pytest.MonkeyPatch, data: bytes, why: str) -> None:
    monkeypatch.setattr(decode, "_MOST_FIELDS", 64)
    with pytest.raises(BadInput, match=why):
        Decoder().decode(data)


def test_large_labels_are_remembered_within_bounds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_MOST_HELD", 1 << 20)
    decoder = Decoder()
    for n in range(300):
        found = decoder.decode(delimited(1, remote_series([("__name__", f"m{n}"), ("x", f"{n}" * 5000)], [(NOW, 1.0)])))
        assert [(dict(one)["__name__"], at, value) for one, at, value in samples(decoder, found)] == [
            (f"m{n}", NOW, 1.0)
        ]
        assert sum(len(value) for one in decoder.series for _, value in one) < (1 << 20) + 20_000


def test_what_is_remembered_is_bounded() -> None:
    decoder = Decoder(most=100)
    for n in range(1000):
        decoder.decode(delimited(1, remote_series([("__name__", f"m{n}")], [(NOW, 1.0)])))
        assert len(decoder.series) <= 101
    decoder = Decoder()
    for n in range(1000):
        labels = [("__name__", f"m{n}"), *((f"l{k}", "x" * 150) for k in range(250))]
        decoder.decode(delimited(1, remote_series(labels, [(NOW, 1.0)])))
        decoder.decode(delimited(1, remote_series(labels, [(NOW, 1.0)])))
    assert (len(decoder.series), len(decoder._numbers), len(decoder._track)) == (
        2000,
        0,
        0,
    )  # too long to be remembered


def test_more_series_than_the_track_has_room_for_cost_only_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "MOST", 20_000)
    decoder, follow = Decoder(), track.Track.follow
    runs: list[int] = []

    def counted(self: track.Track, *given: Any) -> tuple[int, track.Run | None]:
        at, run = follow(self, *given)
        runs.append(0 if run is None else len(run.numbers))
        return at, run

    def followed(names: list[str], at: int) -> int:
        """One request of these series; how many samples were read by following the track."""
        runs.clear()
        one = [delimited(1, remote_series([("__name__", name), ("x", "y" * 40)], [(at, 1.0)])) for name in names]
        found = decoder.decode(b"".join(one))
        assert [(dict(s)["__name__"], t, v) for s, t, v in samples(decoder, found)] == [(n, at, 1.0) for n in names]
        return sum(runs)

    monkeypatch.setattr(track.Track, "follow", counted)
    names = [f"m{n}" for n in range(1000)]
    each = [followed(names, NOW + n) for n in range(20)]
    assert decoder.life == 0, "all were forgotten"
    assert 200 < len(decoder._track) < 400
    assert min(each[2:]) >= len(decoder._track) - 2, each
    # All of them go; those that come instead are followed soon.
    others = [f"other{n}" for n in range(1000)]
    each = [followed(others, NOW + n) for n in range(20)]
    assert each[-1] >= len(decoder._track) - 2 > 200, each
    assert decoder.life == 0


_NAMES = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=8)
_SERIES = st.tuples(
    st.dictionaries(_NAMES, _NAMES, max_size=4),
    st.lists(st.tuples(st.integers(-(1 << 62), 1 << 62), st.floats()), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_SERIES, max_size=5))
def test_what_was_written_is_read(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> None:
    decoder = Decoder()
    made = [(sorted({"__name__": "m", **labels}.items()), samples) for labels, samples in series]
    body = remote_request(*(remote_series(labels, samples) for labels, samples in made))
    wanted = [(tuple(labels), at, value) for labels, samples in made for at, value in samples]
    for _ in range(2):
        found = samples(decoder, decoder.decode(decoder.unpack(body)))
        assert [(labels, at) for labels, at, _ in found] == [(labels, at) for labels, at, _ in wanted]
        for (_, _, ours), (_, _, theirs) in zip(found, wanted, strict=True):
            # A 0 is not sent, so that -0 comes as 0, as from Prometheus itself.
            assert ours == theirs == 0 or struct.pack("<d", ours) == struct.pack("<d", theirs)


_ORDERS = st.lists(
    st.tuples(st.integers(0, 59), st.integers(1, 60), st.sets(st.integers(0, 59))), min_size=2, max_size=8
)


@settings(max_examples=100, deadline=None)
@given(_ORDERS, st.randoms(use_true_random=False))
def test_in_whatever_order_series_come_again(turns: list[tuple[int, int, set[int]]], luck: random.Random) -> None:
    """Cut anywhere, with noughts, gaps, and lengths that change the bytes before: as a decoder that remembers nothing."""
    decoder = Decoder()
    names = [[("__name__", "m"), ("n", "x" * luck.choice([1, 3, 90, 130]) + str(n))] for n in range(60)]
    for turn, (begin, count, odd) in enumerate(turns):
        order = [(begin + n) % 60 for n in range(count)]
        if turn % 3 == 2:
            luck.shuffle(order)
        made = []
        for n in order:
            at = NOW + turn * 15_000 + n
            one = [(at, luck.choice([0.0, 0.0, math.inf, STALE, luck.random()]) if n in odd else n + turn + 0.5)]
            made.append(remote_series(names[n], one * luck.choice([1, 1, 1, 2]) if n in odd else one))
        data = decoder.unpack(remote_request(*made))
        plain = Decoder()
        assert bits(samples(decoder, decoder.decode(data))) == bits(samples(plain, plain.decode(data)))


def bits(given: list[Sample]) -> list[tuple[Labels, int, bytes]]:
    return [(labels, at, struct.pack("<d", value)) for labels, at, value in given]


def test_another_order_is_learnt() -> None:
    decoder = Decoder()
    names = [[("__name__", f"m{n}")] for n in range(300)]
    for turn in range(120):
        order = range(300) if turn < 60 else range(299, -1, -1)
        data = decoder.unpack(remote_request(*(remote_series(names[n], [(NOW + turn, 1.0)]) for n in order)))
        assert [dict(one[0])["__name__"] for one in samples(decoder, decoder.decode(data))] == [f"m{n}" for n in order]
    _, run = decoder._track.follow(np.frombuffer(data, np.uint8), 0, 0)
    assert run is not None
    assert len(run.numbers) == 300


def test_a_run_ends_where_the_bytes_differ_or_are_cut() -> None:
    decoder = Decoder()
    series = [remote_series([("__name__", f"m{n}"), ("x", "y" * 20 * n)], [(NOW, 1.5)]) for n in range(40)]
    data = b"".join(delimited(1, one) for one in series)
    for _ in range(3):
        decoder.decode(data)
    for cut in range(1, len(data)):
        whole = Decoder()
        try:
            wanted = len(whole.decode(data[:cut]).values)
        except BadInput:
            with pytest.raises(BadInput):
                decoder.decode(data[:cut])
        else:
            assert len(decoder.decode(data[:cut]).values) == wanted


def test_hostile_bytes_end_in_an_error_or_in_samples() -> None:
    luck = random.Random(11)
    good = b"".join(
        delimited(1, remote_series([("__name__", f"m{n}"), ("x", "y" * n)], [(NOW + n, n * 1.5), (NOW, 0.0)]))
        for n in range(6)
    ) + delimited(3, b"\x08\x01" + delimited(2, b"m1"))
    began = time.monotonic()
    decoder = Decoder()
    for _ in range(5000):
        raw = bytearray(good)
        for _ in range(luck.randint(1, 6)):
            place = luck.randrange(len(raw))
            kind = luck.randrange(4)
            if kind == 0:
                raw[place] = luck.randrange(256)
            elif kind == 1:
                del raw[place : place + luck.randint(1, 20)]
            elif kind == 2:
                raw[place:place] = luck.choice(
                    [b"\xff" * 11, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x10\x09", b"\x0a" * 30]
                )
            else:
                raw = raw[:place]
            if not raw:
                break
        try:
            decoder.decode(bytes(raw))
        except BadInput:
            continue
    for _ in range(2000):
        body = bytearray(packed(good))
        body[luck.randrange(len(body))] = luck.randrange(256)
        try:
            decoder.decode(decoder.unpack(bytes(body)))
        except BadInput:
            continue
    assert time.monotonic() - began < 120
