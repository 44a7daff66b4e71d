"""The healer's journal: durable, bounded, honest about damage and full disks."""

import os
import subprocess
import threading

import pytest

from paramedic_core.errors import StoreUnavailable
from paramedic_healer import journal as module
from paramedic_healer.history import Record
from paramedic_healer.journal import Journal


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.db", "host1")
    yield made
    made.close()


def records(*kinds, incident="i1", at=100.0):
    return [Record(kind, at + n, incident, "t" * 64, "web", "shop/web", {"text": kind}) for n, kind in enumerate(kinds)]


def test_what_is_appended_is_read_back_whole(journal):
    journal.append(records("opened", "decision"))
    first, second = journal.read()
    assert (first["seq"], first["kind"], first["host"], first["name"], first["text"]) == (
        1,
        "opened",
        "host1",
        "web",
        "opened",
    )
    assert journal.read(after=1) == [second]
    assert [r["kind"] for r in journal.read(newest=True, limit=1)] == ["decision"]
    assert journal.read(kind="decision", name="other") == []


def test_a_body_cannot_pretend_to_be_another_record(journal):
    journal.append([Record("decision", 1.0, "i", "t", "web", "web", {"seq": 99, "kind": "opened", "host": "x"})])
    read = journal.read()[0]
    assert (read["seq"], read["kind"], read["host"]) == (1, "decision", "host1")


def test_replay_has_the_last_day_and_every_open_incident(journal):
    journal.append(records("opened", "closed", incident="old") + records("opened", incident="open"))
    journal.append(records("opened", "closed", incident="new", at=5000.0))
    kinds = [(r.incident, r.kind) for r in journal.replay(4000.0)]
    assert kinds == [("open", "opened"), ("new", "opened"), ("new", "closed")]


def test_it_is_bounded(journal, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 5)
    for _ in range(20):
        journal.append(records("decision", "decision"))
    assert len(journal.read()) <= 15
    assert journal.read(newest=True)[0]["seq"] == 40


def test_a_damaged_file_is_set_aside_and_said(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is not a database" * 100)
    journal = Journal(path, "host1")
    assert journal.read() == []
    assert (tmp_path / "journal.db.damaged-1").read_bytes().startswith(b"this is not")
    assert journal.set_aside.endswith("damaged-1")
    journal.close()


def test_a_follower_hears_at_once(journal):
    heard, stop = [], threading.Event()

    def follow():
        for record in journal.follow(0, stop, beat=0.2):
            # Beats come before it too, where this thread is quicker than the disk.
            if heard or record is not None:
                heard.append(record)
            if heard and record is None:
                stop.set()

    thread = threading.Thread(target=follow)
    thread.start()
    journal.append(records("opened"))
    thread.join(30)
    assert heard[0]["kind"] == "opened"
    assert heard[-1] is None


@pytest.mark.root
def test_a_full_disk_is_an_error_and_leaves_the_journal_whole(tmp_path):
    if os.geteuid():
        pytest.skip("needs root to mount a small tmpfs")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
    try:
        journal = Journal(small / "journal.db", "host1")
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            for _ in range(1000):
                file.write(b"x" * 4096)
        big = [Record("decision", 1.0, "i", "t", "web", "web", {"text": "x" * 8000})]
        with pytest.raises(StoreUnavailable, match="free space"):
            for _ in range(100):
                journal.append(big)
        before = len(journal.read(limit=1000))
        filler.unlink()
        journal.append(big)
        assert len(journal.read(limit=1000)) == before + 1
        journal.close()
    finally:
        subprocess.run(["umount", small], check=True)
