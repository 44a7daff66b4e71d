"""Durations, sizes, windows and addresses: read, refused with advice, and written back as they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.config import units
from paramedic_core.config.units import Wrong
from paramedic_core.limits import Window


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2w", 1209600),
        ("0", 0),
        (0, 0),
        (" 1m ", 60),
        ("0s", 0),
    ],
)
def test_durations(text, seconds):
    assert units.duration(text) == seconds


@pytest.mark.parametrize("value", [10, 1.5, "10", "1.5"])
def test_a_duration_without_a_unit_is_told_to_take_one(value):
    with pytest.raises(Wrong, match=f"{value}'? has no unit: write {value}s"):
        units.duration(value)


@pytest.mark.parametrize(
    "value", ["", "s", "5 minutes", "-1s", "1S", "1h 30m", "1s!", True, False, None, [], "٣s", "9" * 13 + "s", "99999d"]
)
def test_what_is_no_duration(value):
    with pytest.raises(Wrong):
        units.duration(value)


@given(st.integers(min_value=0, max_value=10**11))
def test_durations_are_written_as_they_are_read(milliseconds):
    assert units.duration(units.duration_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("64MiB", 64 << 20),
        ("2GiB", 2 << 30),
        ("1.5KiB", 1536),
        ("500MB", 500 * 10**6),
        ("10B", 10),
        ("5 MiB", 5 << 20),
        (0, 0),
    ],
)
def test_sizes(text, count):
    assert units.size(text) == count


def test_sizes_that_are_wrong():
    for value in (5, "5"):
        with pytest.raises(Wrong, match="has no unit"):
            units.size(value)
    with pytest.raises(Wrong, match="'Mib' is no unit") as caught:
        units.size("5Mib")
    assert "MiB" in caught.value.allowed
    for value in ("", "MiB", "-1MiB", None, True, "1MiBs"):
        with pytest.raises(Wrong):
            units.size(value)


@given(st.integers(min_value=0, max_value=2**50))
def test_sizes_are_written_as_they_are_read(count):
    assert units.size(units.size_text(count)) == count


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("5 per 15m", Window(5, 900)),
        ("10 per day", Window(10, 86400)),
        ("1/1s", Window(1, 1)),
        ("3 per 1h30m", Window(3, 5400)),
    ],
)
def test_windows(text, window):
    assert units.window(text) == window
    assert units.window(units.window_text(window)) == window
    assert units.window(str(window)) == window


@pytest.mark.parametrize(
    "value", ["", "5", 5, "5 per", "per 5m", "0 per 5m", "5 per 0s", "5 per 10", "-1 per 5m", None, "5 per 500ms"]
)
def test_what_is_no_window(value):
    with pytest.raises(Wrong):
        units.window(value)


@pytest.mark.parametrize(
    "text", ["127.0.0.1:9110", "localhost:0", "[::1]:9110", "0.0.0.0:65535", "my-host.lan:80", "", "off"]
)
def test_addresses(text):
    assert units.address(text) == ("" if text == "off" else text)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (9110, "127.0.0.1:9110"),
        ("9110", "127.0.0.1:9110"),
        (":9110", "names no host"),
        ("*:9110", "names no host"),
        ("::1:9110", "needs brackets"),
        ("host:http", "no port"),
        ("host:65536", "no port"),
        ("host:", "no port"),
        ("http://host:80", "no host name"),
        ("host:٣", "no port"),
        ("[::g]:80", "no host name"),
        (None, "no address"),
        ("a b:80", "no host name"),
    ],
)
def test_what_is_no_address(value, says):
    with pytest.raises(Wrong, match=says):
        units.address(value)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("example.org:1", False),
    ],
)
def test_loopback(text, loopback):
    assert units.is_loopback(text) is loopback


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())))
def test_foreign_values_are_read_or_wrong_and_never_anything_else(value):
    for read in (units.duration, units.size, units.window, units.address):
        try:
            read(value)
        except Wrong as error:
            text = str(error)
        else:
            continue
        assert text.isprintable()
        assert len(text) < 300
