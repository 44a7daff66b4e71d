"""The role processes of one data directory: which there are, how they are, and what they cost."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from paramedic.console.peers import Away, NoRights, Peers
from paramedic.console.report import Report, read_report
from paramedic.roles import SPECS

USUAL = tuple(spec.name for spec in SPECS)
_ORDER = ("supervisor", *USUAL)


@dataclass(frozen=True, slots=True)
class RoleState:
    """One role, now."""

    role: str
    state: str
    """ready, not ready, silent (it runs and does not answer), away."""
    reason: str = ""
    pid: int = 0
    up: float = 0.0
    """Seconds since it started."""
    cpu_seconds: float = 0.0
    cpu: float = 0.0
    """Share of one core, since it started or over the sample."""
    pss: int = 0
    """Bytes; shared pages are divided among those who share them (smaps_rollup, proc(5)). 0: not allowed to see."""
    rss: int = 0
    restarts: int = 0
    """How often its supervisor has started it again."""


def role_states(peers: Peers, sample: float = 0.0) -> list[RoleState]:
    """The supervisor, and every role that should run or does.

    Args:
        peers: the data directory's roles.
        sample: seconds over which CPU is measured; 0 takes the average since each began.

    Raises:
        NoRights: the data directory's `run` cannot be read.
    """
    run = peers.data / "run"
    try:
        report = read_report(peers.data)
        found = {p.stem for p in run.iterdir() if p.suffix in (".pid", ".sock")} if run.is_dir() else set()
    except PermissionError:
        raise NoRights(f"no right to read {run}: call this as root (`sudo paramedic …`)") from None
    if not found and not report.roles:
        return [RoleState(name, "away", "it is not running") for name in USUAL]
    # A supervisor that was told to run some roles misses no others.
    names = found | set(report.roles or USUAL)
    before = {name: None if name in report.elsewhere else _process(run / f"{name}.pid") for name in names}
    if report.pid:
        before["supervisor"] = _process(run, report.pid)
    spent = {name: _spent(p) for name, p in before.items() if p is not None}
    if sample > 0:
        time.sleep(sample)
    order = sorted(before, key=lambda n: (_ORDER.index(n) if n in _ORDER else len(_ORDER), n))
    return [_state(peers, report, name, before[name], spent.get(name, 0.0), sample) for name in order]


def _process(path: Path, pid: int = 0) -> psutil.Process | None:
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(pid or int(path.read_text().split()[0]))
        # A stale file may name a stranger by now.
        if process.create_time() <= path.stat().st_mtime + 5:
            return process
    return None


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _state(
    peers: Peers, report: Report, name: str, process: psutil.Process | None, spent: float, sample: float
) -> RoleState:
    state, reason = _supervisor(report, process) if name == "supervisor" else _ask(peers, name, process)
    restarts = report.restarts(name)
    if restarts and state != "ready" and report.last_exit(name):
        reason = f"{reason} (its last end: {report.last_exit(name)})"
    if process is None:
        return RoleState(name, state, reason, restarts=restarts)
    pss = rss = 0
    up = cpu = now_spent = 0.0
    with contextlib.suppress(psutil.Error):
        up, now_spent, rss = time.time() - process.create_time(), _spent(process), process.memory_info().rss
        cpu = (now_spent - spent) / sample if sample > 0 else now_spent / max(up, 0.01)
        pss = process.memory_full_info().pss
    return RoleState(name, state, reason, process.pid, up, now_spent, cpu, pss, rss, restarts)


def _supervisor(report: Report, process: psutil.Process | None) -> tuple[str, str]:
    if process is None:
        return "away", "it left its report behind: nobody starts the roles again"
    if report.reload_failed:
        return "not ready", f"the last reload changed nothing: {report.reload_failed}"
    return "ready", ""


def _ask(peers: Peers, name: str, process: psutil.Process | None) -> tuple[str, str]:
    try:
        ready, parts = peers.verdict(name)
    except Away as error:
        return ("silent" if process else "away"), error.brief
    except NoRights as error:
        return "silent", error.message
    if ready:
        return "ready", ""
    said = [f"{part}: {v.get('reason', '')}" for part, v in parts.items() if isinstance(v, dict) and not v.get("ready")]
    return "not ready", "; ".join(said)
