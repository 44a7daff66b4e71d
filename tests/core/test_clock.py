"""Clocks: the machine's, and the one that moves when it is told to."""

import threading
import time

import pytest

from paramedic_core.clock import FakeClock, SystemClock


def test_the_fake_clock_moves_when_told():
    clock = FakeClock(1000.0)
    assert (clock.now(), clock.monotonic()) == (1000.0, 0.0)
    clock.advance(5)
    assert (clock.now(), clock.monotonic()) == (1005.0, 5.0)
    clock.step(-100)
    assert (clock.now(), clock.monotonic()) == (905.0, 5.0)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_waiting_moves_the_fake_clock_unless_the_event_is_set():
    clock, event = FakeClock(0.0), threading.Event()
    assert clock.wait(event, 3600) is False
    assert clock.monotonic() == 3600
    event.set()
    assert clock.wait(event, 3600) is True
    assert clock.monotonic() == 3600
    assert clock.wait(threading.Event(), -5) is False
    assert clock.monotonic() == 3600


def test_the_system_clock():
    clock, event = SystemClock(), threading.Event()
    assert abs(clock.now() - time.time()) < 1
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wait(event, 0.001) is False
    assert clock.wait(event, -1) is False
    event.set()
    assert clock.wait(event, 60) is True
