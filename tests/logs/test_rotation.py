"""Which files a log has, looked at while Docker renames them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_logs.sources import rotation
from paramedic_logs.sources.rotation import LogFile, open_files
from support_logs import DockerLog


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DockerLog]:
    """Three files, the oldest with line 0."""
    made = DockerLog(tmp_path, max_file=1000)
    for _ in range(2):
        made.line()
        made.rotate()
    made.line()
    yield made
    made.close()


def opened(base: Path, known: LogFile | None = None) -> tuple[list[LogFile], bool]:
    found = open_files(base, known)
    assert found is not None
    return found


def test_a_folder_seen_amid_a_renaming_gives_no_old_file_as_a_new_one(
    log: DockerLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, _ = opened(log.base)
    known = files[-1]
    log.rotate()
    log.line()
    real, looks = rotation.listing, []

    def half(base: Path) -> list[tuple[Path, int]]:
        """Without the newest two, as readdir may show it while they are moved."""
        looks.append(1)
        return real(base)[:1] if len(looks) < 3 else real(base)

    monkeypatch.setattr(rotation, "listing", half)
    newer, met = opened(log.base, known)
    assert met
    assert [file.inode for file in newer] == [log.base.stat().st_ino]
    for file in (*files, *newer):
        file.close()


def test_one_that_was_moved_out_of_the_way_by_hand_holds_nothing_up(log: DockerLog) -> None:
    files, _ = opened(log.base)
    log.base.rename(log.base.with_name("mine"))
    newer, met = opened(log.base, files[-1])
    assert not met
    assert [file.inode for file in newer] == [file.inode for file in files[:-1]]
    for file in (*files, *newer):
        file.close()


def test_while_it_is_rotated_all_the_time_no_file_is_given_twice(log: DockerLog) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.002):
            log.line()
            if log.count < 150:
                log.rotate()

    writer = threading.Thread(target=write)
    writer.start()
    held, _ = opened(log.base)
    try:
        while log.count < 150:
            found = open_files(log.base, held[-1])
            if found is not None:
                newer, met = found
                assert met, "nothing is deleted here"
                held += newer
    finally:
        stop.set()
        writer.join()
    last = open_files(log.base, held[-1])
    held += last[0] if last else []
    inodes = [file.inode for file in held]
    texts = [file.read(0, 20) for file in held]
    for file in held:
        file.close()
    assert len(set(inodes)) == len(inodes)
    numbers = [int(text.split(b"line ")[1].split(b"\\")[0]) for text in texts if text]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 149
