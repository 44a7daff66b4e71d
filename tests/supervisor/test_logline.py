"""One line a message, whatever the message holds."""

import logging
import threading

import pytest

from paramedic import logline


@pytest.fixture
def lines(capsys):
    """What is logged with logline's own set-up, which is undone afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("paramedic")
    kept = (root.handlers[:], root.level, ours.level, logging.raiseExceptions, threading.excepthook)
    yield lambda: capsys.readouterr().err
    root.handlers[:], logging.raiseExceptions, threading.excepthook = kept[0], kept[3], kept[4]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])
    logging.captureWarnings(capture=False)


def test_time_level_role_message(lines):
    logline.set_up("healer", "info")
    logging.getLogger("paramedic.x").info("restarted %s", "web")
    text = lines()
    assert text.endswith("Z info    healer: restarted web\n")
    assert text[10] == "T"
    assert text[19] == "."


def test_foreign_text_cannot_forge_a_line_or_colour_it(lines):
    logline.set_up("runtime", "info")
    logging.getLogger("paramedic.x").warning("name %s", "a\n2026 error\x1b[31m\u2028\u202e\x9b\x00b")
    told = lines()
    assert told.count("\n") == 1
    assert r"a\n2026 error\x1b[31m\u2028\u202e\x9b\x00b" in told


def test_an_endless_message_is_cut(lines):
    logline.set_up("runtime", "info")
    logging.getLogger("paramedic.x").warning("%s", "x" * 100_000)
    told = lines()
    assert len(told) < 9000
    assert "more characters" in told


def test_an_exception_is_one_line_with_its_place(lines):
    logline.set_up("runtime", "info")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("paramedic.x").exception("it failed")
    told = lines()
    assert told.count("\n") == 1
    assert r"it failed: ValueError: two\nlines [supervisor/test_logline.py:" in told


def test_levels_and_libraries(lines):
    logline.set_up("hub", "info")
    logging.getLogger("paramedic.x").debug("no")
    logging.getLogger("waitress").info("no")
    logging.getLogger("waitress").warning("yes")
    told = lines()
    assert told.count("\n") == 1


def test_the_end_of_a_thread_is_told(lines):
    logline.set_up("hub", "info")
    thread = threading.Thread(target=lambda: 1 / 0, name="worker")
    thread.start()
    thread.join()
    told = lines()
    assert "the thread worker ended: ZeroDivisionError" in told
