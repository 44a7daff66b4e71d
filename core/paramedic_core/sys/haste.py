"""One thread of a nice process that is not nice, for what a person waits for: where processors are taken, the others get a thirtieth
of one.

Linux keeps nice values by thread (sched(7)): a new one has that of the thread which starts it, and going back needs rights that a
role has not, nor root in a container.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class _Haste:
    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True, name="haste")
        self._thread.start()

    def do(self, work: Callable[[], T]) -> T:
        if self._thread is None or self._thread is threading.current_thread():
            return work()
        ended, found, wrong = threading.Event(), list[T](), list[BaseException]()

        def do() -> None:
            try:
                found.append(work())
            except BaseException as error:  # noqa: BLE001  it is raised where the work was asked for
                wrong.append(error)
            finally:
                ended.set()

        self._work.put(do)
        ended.wait()
        if wrong:
            raise wrong[0]
        return found[0]

    def _run(self) -> None:
        while True:
            self._work.get()()


_HASTE = _Haste()


def be_nice(by: int) -> None:
    """Stand back behind other processes with this thread and all that start from now on, but for the one of `in_haste`."""
    _HASTE.start()
    os.nice(by)


def in_haste(work: Callable[[], T]) -> T:
    """Do it in the thread that is not nice, and wait for it; in this one where no thread is nice.

    Raises:
        Anything that `work` raises.
    """
    return _HASTE.do(work)
