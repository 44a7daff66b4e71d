"""The record of acts: durable, found again, bounded, and honest about a disk that is full or a file that is damaged."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.errors import Conflict, StoreUnavailable
from paramedic_runtime import acts as module
from paramedic_runtime.acts import Act, Acts, Status

ACT = Act("k0", "h1", "a" * 64, "web", "shop/web", "restart", "i1", "why", "healer", {"state": "running"})


@pytest.fixture
def clock():
    return FakeClock()


def opened(path, clock) -> Acts:
    acts = Acts(path, clock)
    acts.tick()
    return acts


@pytest.fixture
def acts(tmp_path, clock):
    acts = opened(tmp_path / "acts.db", clock)
    assert acts.ready().ready
    yield acts
    acts.close()


def fill(acts: Acts, count: int) -> list[Act]:
    return [acts.finish(acts.intend(replace(ACT, key=f"k{n}")), Status.DONE, "") for n in range(count)]


def test_intent_then_outcome_found_by_key_and_in_order(acts, tmp_path, clock):
    intent = acts.intend(ACT)
    assert acts.unresolved() == acts.unresolved(ACT.target) == [intent]
    clock.advance(2)
    ended = acts.finish(intent, Status.DONE, "fine")
    assert not acts.unresolved()
    assert acts.find("k0") == ended
    assert ended.done_at - ended.intent_at == 2
    assert acts.find("other") is None
    with pytest.raises(Conflict):
        acts.intend(ACT)
    acts.finish(acts.intend(replace(ACT, key="k1")), Status.FAILED, "x" * 5000)
    assert [a.seq for a in acts.after(0)] == [1, 2]
    assert [a.key for a in acts.after(1, limit=10**9)] == ["k1"]
    assert len(acts.find("k1").detail) == 1000
    acts.close()
    again = opened(tmp_path / "acts.db", clock)
    assert again.find("k0") == ended
    again.close()
    assert (tmp_path / "acts.db").stat().st_mode & 0o777 == 0o600


def test_intent_and_outcome_are_fsynced_before_they_return(acts, tmp_path):
    """By SQLite's account everywhere; by the kernel's own where strace is: an fdatasync between each write and its return."""
    assert acts._file.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (2,)
    assert acts._file.read(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    acts.close()
    if shutil.which("strace") is None:
        return
    script = (
        "import sys, pathlib, os; from paramedic_core.clock import SystemClock; from paramedic_runtime.acts import *\n"
        f"a = Acts(pathlib.Path({str(tmp_path)!r}) / 'acts.db', SystemClock()); a.tick()\n"
        "act = Act('k', 'h', 'a' * 64, 'n', 's', 'restart')\n"
        "os.write(2, b'MARK intend\\n'); act = a.intend(act); os.write(2, b'MARK finish\\n')\n"
        "a.finish(act, Status.DONE, ''); os.write(2, b'MARK end\\n'); os._exit(0)\n"
    )
    trace = tmp_path / "trace"
    subprocess.run(
        ["strace", "-f", "-o", trace, "-e", "trace=write,pwrite64,fsync,fdatasync", sys.executable, "-c", script],
        check=True,
        timeout=60,
    )
    _, intend, finish, _ = trace.read_text().split("MARK ")
    for part in (intend, finish):
        calls = [line.split("(")[0].split()[-1] for line in part.splitlines()[1:] if "(" in line]
        assert {"fsync", "fdatasync"} & set(calls)
        last_write = max(i for i, c in enumerate(calls) if c == "pwrite64")
        assert {"fsync", "fdatasync"} & set(calls[last_write:])


def test_it_can_be_read_and_backed_up_while_in_use(acts, tmp_path):
    fill(acts, 3)
    acts.intend(replace(ACT, key="open"))
    with sqlite3.connect(tmp_path / "acts.db") as db, sqlite3.connect(tmp_path / "copy.db") as copy:
        db.backup(copy)
        assert copy.execute("SELECT count(*) FROM acts").fetchone() == (4,)
        acts.intend(replace(ACT, key="meanwhile"))
    db.close()
    copy.close()


def test_a_second_runtime_cannot_record_and_so_cannot_act(acts, tmp_path, clock):
    second = opened(tmp_path / "acts.db", clock)
    assert "another runtime" in second.ready().reason
    with pytest.raises(StoreUnavailable):
        second.intend(ACT)
    acts.close()
    clock.advance(60)
    second.tick()
    second.intend(ACT)
    second.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"not a database at all" * 400,
        lambda data: data[:4096] + os.urandom(4096) + data[8192:],
        lambda data: data[: len(data) // 2],
        lambda data: b"SQLite format 3\0" + os.urandom(8000),
    ],
    ids=["foreign", "page", "truncated", "header"],
)
def test_a_damaged_file_is_set_aside_and_nothing_is_done_for_a_window(acts, tmp_path, clock, damage, caplog):
    path = tmp_path / "acts.db"
    fill(acts, 50)
    acts.close()
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    again = Acts(path, clock)
    with caplog.at_level(logging.ERROR, "paramedic.acts"):
        again.tick()
        again.tick()
    assert "damaged" in again.ready().reason
    aside = [p for p in tmp_path.iterdir() if ".damaged-" in p.name and not p.name.endswith(("-wal", "-shm"))]
    assert [p.read_bytes() for p in aside] == [broken]
    assert str(aside[0]) in caplog.text
    with pytest.raises(StoreUnavailable, match="no act until"):
        again.intend(ACT)
    again.close()
    again = opened(path, clock)
    assert not again.ready().ready
    clock.advance(3601)
    again.intend(ACT)
    again.close()


def test_a_file_damaged_under_a_running_process(acts, tmp_path, clock):
    path = tmp_path / "acts.db"
    fill(acts, 200)
    acts.close()
    acts = opened(path, clock)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    acts._file._db.execute("PRAGMA shrink_memory")
    with pytest.raises(StoreUnavailable):
        for n in range(50):
            acts.find(f"k{n}")
            acts.intend(replace(ACT, key=f"new{n}"))
    for _ in range(3):
        clock.advance(11)
        acts.tick()
    assert "no act until" in acts.ready().reason
    assert [p for p in tmp_path.iterdir() if ".damaged-" in p.name]
    acts.close()


def test_a_restored_file_is_taken_up_while_running(acts, tmp_path, clock):
    fill(acts, 3)
    acts.close()
    good = (tmp_path / "acts.db").read_bytes()
    (tmp_path / "acts.db").write_bytes(b"x" * 5000)
    acts = Acts(tmp_path / "acts.db", clock)
    acts.tick()
    acts.tick()
    assert not acts.ready().ready
    (tmp_path / "restored").write_bytes(good)
    (tmp_path / "restored").rename(tmp_path / "acts.db")
    for _ in range(2):
        clock.advance(11)
        acts.tick()
    assert acts.ready().ready
    assert len(acts.after(0)) == 3
    acts.close()


def test_a_removed_file_leaves_no_journal_for_the_next_one(acts, tmp_path, clock):
    fill(acts, 3)
    (tmp_path / "acts.db").unlink()
    for _ in range(2):
        clock.advance(11)
        acts.tick()
    assert acts.ready().ready
    assert not acts.after(0)
    acts.intend(ACT)


def test_a_newer_papers_file_is_left_alone(tmp_path, clock):
    with sqlite3.connect(tmp_path / "acts.db") as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    acts = opened(tmp_path / "acts.db", clock)
    assert "newer paramedic" in acts.ready().reason
    acts.close()


def test_retention_keeps_open_intents_and_the_newest(acts, clock, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 10)
    first = acts.intend(replace(ACT, key="open"))
    fill(acts, 50)
    kept = acts.after(0)
    assert kept[0] == first
    assert 20 <= len(kept) <= 32
    assert kept[-1].seq == 51
    monkeypatch.setattr(module, "MOST_ROWS", 10**6)
    clock.advance(module.KEEP + 1)
    for n in range(10):
        acts.finish(acts.intend(replace(ACT, key=f"late{n}")), Status.DONE, "")
    assert [a.key for a in acts.after(0)][:2] == ["open", "late0"]


def test_an_outcome_that_cannot_be_written_is_owed_and_not_lost(acts, clock, monkeypatch, tmp_path):
    intent = acts.intend(ACT)
    monkeypatch.setattr(acts._file, "write", lambda _work: (_ for _ in ()).throw(StoreUnavailable("full")))
    ended = acts.finish(intent, Status.DONE, "")
    assert acts.find("k0") == ended
    assert not acts.unresolved()
    assert "waits to be written" in acts.ready().reason
    with pytest.raises(StoreUnavailable):
        acts.intend(replace(ACT, key="k1"))
    monkeypatch.undo()
    acts.tick()
    assert acts.ready().ready
    acts.close()
    again = opened(tmp_path / "acts.db", clock)
    assert again.find("k0") == ended
    again.close()
