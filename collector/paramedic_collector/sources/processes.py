"""/proc/PID/stat of every process (proc_pid_stat(5)): how many there are, and in which state."""

from __future__ import annotations

from collections import Counter

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.files import GONE, names, read
from paramedic_collector.source import Context, Source

_THREADS = gauge("node_processes_threads", "Allocated threads in system")
_MOST_THREADS = gauge("node_processes_max_threads", "Limit of threads in the system")
_STATE = gauge("node_processes_state", "Number of processes in each state.", "state")
_THREAD_STATE = gauge("node_processes_threads_state", "Number of threads in each state.", "thread_state")
_PIDS = gauge("node_processes_pids", "Number of PIDs")
_MOST_PIDS = gauge("node_processes_max_processes", "Number of max PIDs limit")


class Processes(Source):
    """Processes and threads by state."""

    name = "processes"
    families = (_THREADS, _MOST_THREADS, _STATE, _THREAD_STATE, _PIDS, _MOST_PIDS)
    on = False

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.proc()
        states: Counter[str] = Counter()
        of_threads: Counter[str] = Counter()
        threads = pids = 0
        for pid in names(root):
            found = _stat(f"{root}/{pid}/stat") if pid.isdigit() else None
            if found is None:
                continue
            pids += 1
            threads += found[1]
            states[found[0]] += 1
            if found[1] == 1:
                of_threads[found[0]] += 1
            else:
                folder = f"{root}/{pid}/task"
                of_threads.update(s[0] for thread in names(folder) if (s := _stat(f"{folder}/{thread}/stat")))
        out.add(_THREADS, threads)
        out.add(_MOST_THREADS, int(self.files.read(context.paths.proc("sys/kernel/threads-max"), whole=True)))
        out.add(_PIDS, pids)
        out.add(_MOST_PIDS, int(self.files.read(context.paths.proc("sys/kernel/pid_max"), whole=True)))
        for state, count in states.items():
            out.add(_STATE, count, state=state)
        for state, count in of_threads.items():
            out.add(_THREAD_STATE, count, thread_state=state)


def _stat(path: str) -> tuple[str, int] | None:
    """State and number of threads; None when it has just ended."""
    try:
        words = read(path).rpartition(b")")[2].split()
    except OSError as error:
        if error.errno in GONE:
            return None
        raise
    return words[0].decode("ascii", "replace"), int(words[17])
