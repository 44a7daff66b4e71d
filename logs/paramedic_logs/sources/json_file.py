"""Reads one container's json-file log out of band: follows rotation, joins parts, knows where it was.

Every file that may still hold unread lines is kept open, so Docker may rename, pack or delete it meanwhile. What is
lost all the same (files deleted while nobody held them, a truncated file) becomes a gap: a record among the lines.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_logs import stats
from paramedic_logs.line import CUT, STDERR, Line, gap_line, without_tokens
from paramedic_logs.parse.docker_json import Decoder, Piece
from paramedic_logs.parse.level import level_of
from paramedic_logs.sources.rotation import MARK, LogFile, Place, most_files, open_files

CHUNK = 128 << 10
"""Bytes read at once."""
MOST_LINE = 256 << 10
"""Bytes of a line that are kept."""
_MOST_RECORD = 1 << 20
_MOST_OPEN = 64
_PART_WAITS = 5.0
_FIRST_MOST = 64 << 20
_UNREADABLE = (OSError, EOFError, zlib.error)


class ContainerLog:
    """One container's log.

    Args:
        base: `…/containers/ID/ID-json.log`.
        take: gets each batch of lines.
        counters: see `stats`.
        place: where to go on; None begins with the oldest line that there is (of much, with the newest 64 MiB).
    """

    def __init__(
        self, base: Path, take: Callable[[list[Line]], None], counters: Counters, place: Place | None = None
    ) -> None:
        self.base, self._take, self._counters = base, take, counters
        self._saved = place
        self._before: Place | None = None
        self._files: list[LogFile] = []
        self._offset, self._mark, self._last_ns = 0, b"", place.last_ns if place else 0
        self._parts: dict[bool, tuple[int, bytes, int]] = _load(place.parts) if place else {}
        self._parts_since = 0.0
        self._decoder = Decoder()
        self.created: int | None = 0
        """How many new files inotify told of since the last `refresh`; None when it cannot tell."""
        self.stale = False
        """Whether there may be files that are not held yet: too many are, or the folder did not keep still."""
        self._not_before = 0
        self.dirty = False
        """Whether `place` has changed since it was last fetched by whoever commits it."""

    def place(self) -> Place:
        """Where it is now; all before it has been given to `take`."""
        if not self._files:
            return self._saved or Place()
        if self._before is not None and not self._offset:
            # A place at a file's very beginning has no mark; the end of the one before is the same place, and has.
            return replace(self._before, last_ns=self._last_ns, parts=_dump(self._parts))
        return Place(self._files[0].inode, self._offset, self._mark, self._last_ns, _dump(self._parts))

    @property
    def lag(self) -> int:
        """Bytes written and not read yet."""
        sizes = sum(max(0, file.size()) for file in self._files)
        return max(0, sizes - self._offset)

    @property
    def behind(self) -> bool:
        """Whether it has whole files that are not read yet."""
        return len(self._files) > 1

    def refresh(self, hear: Callable[[], object] = lambda: None) -> None:
        """Look which files there are, and hold the new ones.

        Args:
            hear: brings `created` up to date.

        Raises:
            FileNotFoundError: the container's folder is gone.
            OSError: it cannot be read.
        """
        if self._files:
            self._follow(hear)
        else:
            self._begin()

    def rotated(self) -> bool:
        """Whether the newest file that is held is no longer the one that is written."""
        try:
            return not self._files or self.base.stat().st_ino != self._files[-1].inode
        except FileNotFoundError:
            return True

    def read(self, now: float) -> int:
        """Read what is new, up to `CHUNK` bytes of one file; return how many bytes it was.

        Args:
            now: monotonic seconds.
        """
        if self._parts and now - self._parts_since > _PART_WAITS:
            self._end_parts()
        if not self._files:
            return 0
        file = self._files[0]
        if len(self._files) == 1 and (file.dead or file.size() == self._offset):
            return 0
        if file.dead:
            return self._next_file()
        try:
            data = file.read(self._offset - len(self._mark), CHUNK + len(self._mark))
        except _UNREADABLE as error:
            file.dead = True
            self._lose("damaged", f"{file.path.name} cannot be read further ({error})")
            return 1
        if not data.startswith(self._mark):
            self._lose("truncated", f"{file.path.name} was cut while it was read")
            self._offset, self._mark, self._before, self.dirty = 0, b"", None, True
            return 1
        return self._digest(data[len(self._mark) :], now)

    def finish(self, now: float) -> None:
        """Read all that is left: the container is gone, nothing more will come."""
        while self._files and self.read(now):
            pass
        self._end_parts()
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()
        self._files.clear()

    def lose(self, kind: str, reason: str) -> None:
        """Record that lines were lost here."""
        self._lose(kind, reason)

    def _digest(self, body: bytes, now: float) -> int:
        end = body.rfind(b"\n") + 1
        if not end and len(body) >= CHUNK:
            body = self._longer()
            if not body:
                return _MOST_RECORD
            end = body.rfind(b"\n") + 1
        if not end:
            # Not written whole yet, or never: then there is a next file, and nothing more comes to this one.
            if len(self._files) > 1:
                if body:
                    self._lose("torn", "the last record of a file was not written whole", len(body))
                return self._next_file()
            return 0
        lines = [line for raw in body[: end - 1].split(b"\n") if (line := self._line(raw, now)) is not None]
        self._offset += end
        self._mark = (self._mark + body[:end])[-MARK:]
        self.dirty = True
        self._give(lines)
        return end

    def _longer(self) -> bytes:
        """A record longer than a chunk, read whole; one beyond all measure is passed over, and none is left."""
        file = self._files[0]
        more = file.read(self._offset, _MOST_RECORD)
        if b"\n" in more or len(more) < _MOST_RECORD:
            return more
        self._lose("too_long", "a record longer than 1 MiB", len(more))
        self._offset += len(more)
        self._mark = more[-MARK:]
        self.dirty = True
        return b""

    def _line(self, raw: bytes, now: float) -> Line | None:
        try:
            piece = self._decoder.decode(raw)
        except BadInput:
            self._counters.add(stats.MALFORMED, origin="file")
            return None
        if self._not_before:
            # After a place that was not found again: what is there should be newer, and nothing may be stored twice.
            if piece.ns <= self._not_before:
                return None
            self._not_before = 0
        if piece.whole and piece.stderr not in self._parts:
            return self._made(piece.ns, piece.stderr, piece.text, 0)
        return self._join(piece, now)

    def _join(self, piece: Piece, now: float) -> Line | None:
        """Parts have the first one's moment; beyond `MOST_LINE` the rest is left out."""
        ns, text, meta = self._parts.get(piece.stderr, (piece.ns, b"", 0))
        text += piece.text
        if piece.whole:
            self._parts.pop(piece.stderr, None)
            return self._made(ns, piece.stderr, text, meta)
        if len(text) > MOST_LINE:
            text, meta = text[:MOST_LINE], CUT
        self._parts[piece.stderr] = (ns, text, meta)
        self._parts_since = now
        return None

    def _made(self, ns: int, stderr: bool, text: bytes, meta: int) -> Line:  # noqa: FBT001  the key of `_parts`
        if len(text) > MOST_LINE or meta & CUT:
            self._counters.add(stats.CUT)
            text, meta = text[:MOST_LINE], meta | CUT
        self._last_ns = max(self._last_ns, ns)
        return Line(ns, meta | level_of(text) | (STDERR if stderr else 0), without_tokens(text))

    def _end_parts(self) -> None:
        """Parts whose end does not come: the container died in the middle of a line."""
        lines = [self._made(ns, stderr, text, meta) for stderr, (ns, text, meta) in self._parts.items()]
        self._parts.clear()
        self.dirty = self.dirty or bool(lines)
        self._give(lines)

    def _give(self, lines: list[Line]) -> None:
        if lines:
            self._take(lines)

    def _lose(self, kind: str, reason: str, lost: int = -1) -> None:
        self._counters.add(stats.GAPS, why=kind)
        self._take([gap_line(self._last_ns, reason, lost)])
        self.dirty = True

    def _next_file(self) -> int:
        self._before = self.place()
        self._files.pop(0).close()
        self._offset, self._mark, self.dirty = 0, b"", True
        if self._files[0].gap_before:
            self._lose("rotated", self._files[0].gap_before)
        return 1

    def _begin(self) -> None:
        found = open_files(self.base)
        self.stale = found is None
        opened = found[0] if found else []
        if not opened:
            return
        saved, self._saved = self._saved, None
        if saved is None or not saved.inode:
            self._files = self._newest(opened)
            return
        start = next((i for i in range(len(opened) - 1, -1, -1) if opened[i].holds(saved)), -1)
        if start < 0:
            self._files = opened
            self._not_before = saved.last_ns
            reused = any(f.inode == saved.inode for f in opened)
            self._lose("rotated", "the file was cut" if reused else "files were deleted while nobody read them")
            return
        for file in opened[:start]:
            file.close()
        self._files = opened[start:]
        self._offset, self._mark = saved.offset, saved.mark

    def _newest(self, opened: list[LogFile]) -> list[LogFile]:
        """Of a log that is new to us, so much as is worth reading."""
        total, keep = 0, len(opened)
        while keep and total < _FIRST_MOST:
            keep -= 1
            total += max(opened[keep].size(), opened[keep].path.stat().st_size if opened[keep].packed else 0)
        for file in opened[:keep]:
            file.close()
        kept = opened[keep:]
        if total > _FIRST_MOST and not kept[0].packed:
            back = kept[0].read(total - _FIRST_MOST, CHUNK)
            self._offset = total - _FIRST_MOST + back.find(b"\n") + 1
        if keep or self._offset:
            self._last_ns = self._first_ns(kept[0])
            self._lose("old", "older lines were there before logs was first started and were left out")
        elif len(opened) > 1 and len(opened) >= most_files(self.base):
            self._last_ns = self._first_ns(kept[0])
            self._lose("rotated", "older files may have been deleted before logs first saw this container")
        return kept

    def _first_ns(self, file: LogFile) -> int:
        """The moment of the first line that is kept: where a gap before it belongs."""
        try:
            return self._decoder.decode(file.read(self._offset, _MOST_RECORD).partition(b"\n")[0]).ns
        except (*_UNREADABLE, BadInput):
            return 0

    def _follow(self, hear: Callable[[], object]) -> None:
        for attempt in range(3):
            found = open_files(self.base, self._files[-1])
            if found is None:
                self.stale = True
                return
            opened, known = found
            hear()
            # Where the last one is gone from the folder, the number of new files that inotify saw tells whether all are here.
            if known or not opened or self.created is None or self.created <= len(opened) or attempt == 2:
                break
            for file in opened:
                file.close()
        if opened and not known and self.created != len(opened):
            opened[0].gap_before = "files came and went faster than they were read"
        # Beyond so many, the rest is looked for again when some have been read: held files take room on the disk.
        kept = opened[: max(0, _MOST_OPEN - len(self._files))]
        self._files += kept
        self.stale = len(kept) < len(opened)
        for file in opened[len(kept) :]:
            file.close()
        if self.created is not None:
            self.created = len(opened) - len(kept)


def _dump(parts: dict[bool, tuple[int, bytes, int]]) -> str:
    if not parts:
        return ""
    plain = [[ns, stderr, text.decode("utf-8", "replace"), meta] for stderr, (ns, text, meta) in parts.items()]
    return json.dumps(plain, separators=(",", ":"))


def _load(text: str) -> dict[bool, tuple[int, bytes, int]]:
    return {bool(e): (int(ns), t.encode("utf-8", "replace"), int(m)) for ns, e, t, m in json.loads(text or "[]")}
