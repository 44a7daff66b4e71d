"""Windows, backoff and buckets: their arithmetic, as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.limits import Backoff, TokenBucket, Window

_times = st.lists(st.integers(0, 10_000).map(float), max_size=30)
_windows = st.builds(Window, st.integers(1, 10), st.integers(1, 3000).map(float))


@given(_windows, _times, st.integers(0, 10_000).map(float))
def test_a_window_is_never_overfilled(window, times, now):
    at = window.free_at(times, now)
    assert at >= now
    inside = [t for t in times if at - window.seconds < t <= at]
    assert len([t for t in inside if t <= now]) < window.count or any(t > now for t in times)


@given(_windows, st.integers(1, 40))
def test_whoever_waits_for_the_window_never_does_more_than_it_allows(window, wishes):
    times, now = [], 0.0
    for _ in range(wishes):
        now = window.free_at(times, now)
        times.append(now)
    for end in times:
        assert sum(1 for t in times if end - window.seconds < t <= end) <= window.count


def test_window_by_hand():
    window = Window(2, 100)
    assert window.free_at([], 0) == 0
    assert window.free_at([10], 50) == 50
    assert window.free_at([10, 20], 50) == 110
    assert window.free_at([10, 20], 110) == 110
    assert window.free_at([10, 20, 30], 50) == 120


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(5, 900), "5 per 15m"),
        (Window(1, 86400), "1 per 1d"),
        (Window(3, 5400), "3 per 90m"),
        (Window(2, 1.5), "2 per 1.5s"),
    ],
)
def test_a_window_in_words(window, text):
    assert str(window) == text


def test_backoff_doubles_up_to_its_most():
    backoff = Backoff(first=10, most=300, factor=2, jitter=0.25)
    assert [backoff.delay(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.delay(1, luck=1) == 12.5
    assert backoff.delay(10**9) == 300
    assert backoff.delay(-1) == 0


@given(st.integers(1, 200), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(tries, luck):
    backoff = Backoff()
    assert backoff.first <= backoff.delay(tries, luck) <= backoff.most * 1.25


def test_bucket():
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1000) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=100))
def test_a_bucket_never_gives_more_than_burst_and_rate(steps):
    bucket, now, given_out = TokenBucket(rate=1, burst=5), 0.0, 0
    for step in steps:
        now += step
        given_out += bucket.take(now)
    assert given_out <= 5 + now + 1e-6
