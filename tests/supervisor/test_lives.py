"""When an ended role starts again, and when a silent one is given up."""

from paramedic.lives import MISSES, SETTLED, Life


def test_first_at_once_then_doubling_up_to_ten_seconds():
    life, now, waits = Life(), 1000.0, []
    for _ in range(11):
        life.start(now)
        now += 0.5
        waits.append(life.ended(now))
        now += waits[-1]
    assert waits == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]
    assert life.restarts == 11


def test_a_settled_life_clears_the_record():
    life = Life()
    for _ in range(5):
        life.start(0.0)
        life.ended(1.0)
    life.start(10.0)
    assert life.ended(10.0 + SETTLED) == 0
    life.start(100.0)
    assert life.ended(101.0) == 0.1


def test_only_misses_in_a_row_end_a_life():
    life = Life()
    assert [life.answered(well=w) for w in (False, False, True, False, False)] == [False] * 5
    assert life.answered(well=False)
    assert MISSES == 3
    life.start(1.0)
    assert not life.answered(well=False)
