"""200,000 lines of a real container through a real Docker's rotation, with the logs role killed five times amid them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from paramedic_api.loglines import Wanted, find, gap_text
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient
from support_engine import PrivateEngine
from support_paramedic import Paramedic, paramedic
from support_wait import wait_until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
COUNT = 200_000
NAME = "logs-numbers"
# In five bursts, each as fast as it can; the test says when the next begins.
WRITE = (
    f"i=0; while [ $i -lt {COUNT} ]; do "
    f"[ $((i % {COUNT // 5})) = 0 ] && while ! rm /go 2>/dev/null; do usleep 20000; done; "
    "echo line $i; i=$((i+1)); done; touch /done; sleep 100000"
)


@pytest.fixture
def numbers(private_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    yield private_engine
    private_engine.remove(NAME)


def start(engine: PrivateEngine, size: str, files: int) -> None:
    options = ("--log-driver", "json-file", "--log-opt", f"max-size={size}", "--log-opt", f"max-file={files}")
    engine.run(NAME, "sh", "-c", WRITE, options=options)


def written(engine: PrivateEngine) -> bool:
    return engine.docker("exec", NAME, "ls", "/done", check=False) == "/done"


def kill_five_times(engine: PrivateEngine, running: Paramedic, away: float) -> int:
    """Let the container write, and kill the role amid each burst; return how often it was not through when that was done."""
    amid = 0
    for _ in range(5):
        before = running.pid("logs")
        engine.docker("exec", NAME, "touch", "/go")
        amid += not written(engine)
        os.kill(before, signal.SIGKILL)
        if away:
            # The supervisor brings it back at once; stopped, it reads nothing for a while.
            wait_until(lambda was=before: _pid(running) not in (0, was), 30, every=0.02)
            with contextlib.suppress(ProcessLookupError):
                os.kill(_pid(running), signal.SIGSTOP)
            time.sleep(away)  # Docker goes on meanwhile, and deletes
            os.kill(_pid(running), signal.SIGCONT)
        wait_until(lambda was=before: _pid(running) not in (0, was), 30, every=0.05)
        RoleClient(running.data / "run/logs.sock", "logs").wait(within=30)
    return amid


def _pid(running: Paramedic) -> int:
    try:
        return running.pid("logs")
    except (OSError, ValueError):
        return 0


def texts(running: Paramedic) -> list[str]:
    """All that is stored of it, oldest first; a gap as `GAP`."""
    client, found, cursor = RoleClient(running.data / "run/logs.sock", "logs"), [], ""
    while cursor is not None:
        page = find(client, Wanted(container=NAME, oldest=True), 5000, cursor)
        assert not page.partial
        found += ["GAP" if gap_text(line) else line["text"] for line in page.lines]
        cursor = page.next
    return found


def settled(running: Paramedic, last: str) -> None:
    """Return when the last line that was written is stored."""
    client = RoleClient(running.data / "run/logs.sock", "logs")

    def there() -> bool:
        with contextlib.suppress(ParamedicError):
            return bool(find(client, Wanted(container=NAME, text=last), 1).lines)
        return False

    wait_until(there, 60, every=0.2)


def test_where_docker_deletes_nothing_each_line_is_stored_once(numbers: PrivateEngine) -> None:
    with paramedic(numbers.host, roles=("runtime", "logs"), logs__seal_after="0.5s") as running:
        start(numbers, "400k", 1000)
        assert kill_five_times(numbers, running, 0) >= 4, "it was killed while lines were written"
        numbers.wait(lambda: written(numbers), within=90)
        settled(running, f"line {COUNT - 1}")
        found = texts(running)
        assert len(found) == COUNT
        assert found == [f"line {n}" for n in range(COUNT)]


def test_where_docker_deletes_what_is_stored_and_what_is_missing_at_gaps_are_all(numbers: PrivateEngine) -> None:
    with paramedic(numbers.host, roles=("runtime", "logs"), logs__seal_after="0.5s") as running:
        start(numbers, "100k", 2)
        kill_five_times(numbers, running, 1.0)
        numbers.wait(lambda: written(numbers), within=90)
        settled(running, f"line {COUNT - 1}")
        expected, stored, missing, gap = 0, 0, 0, False
        for text in texts(running):
            if text == "GAP":
                gap = True
                continue
            match = re.fullmatch(r"line (\d+)", text)
            assert match is not None
            number = int(match[1])
            assert number == expected or (gap and number > expected), (
                f"{expected} to {number} are missing without a gap"
            )
            stored, missing, expected, gap = stored + 1, missing + number - expected, number + 1, False
        assert expected == COUNT
        assert missing > 0, "the test shows nothing: nothing was deleted unread"
        assert stored + missing == COUNT
        print(f"{stored} stored, {missing} missing at gaps")
