"""The first at once, the rest together, order kept, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic_runtime.base import Event
from paramedic_runtime.coalesce import WINDOW, Coalescer

A, B = "a" * 64, "b" * 64


def event(target, at, action="start"):
    return Event(at, action, target)


def test_first_at_once_then_together():
    c = Coalescer()
    c.put(event(A, 1), 0.0)
    assert c.due == float("-inf")
    assert c.ready(0.0) == [event(A, 1)]
    c.put(event(A, 2), 0.01)
    c.put(event(A, 3), 0.02)
    c.put(event(B, 4), 0.02)
    assert c.ready(0.02) == [event(B, 4)]
    assert c.due == WINDOW
    assert c.ready(0.049) == []
    assert c.ready(WINDOW) == [event(A, 2), event(A, 3)]
    c.put(event(A, 5), 0.2)
    assert c.ready(0.2) == [event(A, 5)]


def test_a_kill_makes_no_death_wait():
    c = Coalescer()
    c.put(event(A, 1, "kill"), 0.0)
    c.put(event(A, 2, "die"), 0.001)
    assert [e.action for e in c.ready(0.001)] == ["kill", "die"]


def test_a_kill_does_not_overtake_a_waiting_start():
    c = Coalescer()
    c.put(event(A, 1, "die"), 0.0)
    c.ready(0.0)
    c.put(event(A, 2, "start"), 0.01)
    c.put(event(A, 3, "kill"), 0.02)
    assert c.ready(0.02) == []
    assert [e.action for e in c.ready(0.06)] == ["start", "kill"]


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B]), st.sampled_from(["start", "die", "kill", "stop"]), st.floats(0, 0.06)),
        max_size=60,
    )
)
def test_order_within_a_container_is_kept_and_nothing_is_lost(steps):
    c, now, taken = Coalescer(), 0.0, []
    for n, (target, action, gap) in enumerate(steps):
        now += gap
        c.put(event(target, n, action), now)
        if n % 3:
            taken += c.ready(now)
    taken += c.rest()
    for target in (A, B):
        assert [e.at for e in taken if e.id == target] == [n for n, s in enumerate(steps) if s[0] == target]


def test_what_networks_tell_waits_and_delays_nothing():
    c = Coalescer()
    left, died = Event(1.0, "disconnect", "a", detail="shop"), Event(1.001, "die", "a")
    c.put(left, 1.0)
    assert c.ready(1.0) == []
    assert c.due == 1.0 + WINDOW
    c.put(died, 1.001)
    assert c.due == float("-inf")
    assert c.ready(1.001) == [left, died], "the end is told at once, and takes the other with it"
    joined, started = Event(1.01, "connect", "a", detail="shop"), Event(1.02, "start", "a")
    c.put(joined, 1.01)
    c.put(started, 1.02)
    assert c.ready(1.03) == []
    assert c.ready(1.2) == [joined, started], "in order, and together"


def test_what_networks_tell_alone_is_taken_after_the_window():
    c = Coalescer()
    moves = [Event(1.0 + n / 1000, "connect" if n % 2 else "disconnect", "a") for n in range(10)]
    for move in moves:
        c.put(move, move.at)
    assert c.ready(1.04) == []
    assert c.ready(1.0 + WINDOW) == moves
    assert c.due == float("inf")
    c.put(moves[0], 3.0)
    assert c.rest() == moves[:1]
    assert c.due == float("inf")
