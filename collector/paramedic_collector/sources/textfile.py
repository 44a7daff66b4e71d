"""Metrics that others leave in files, `*.prom`: a cron job's outcome, what no source knows of."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass

from paramedic_collector.exposition import Exposition, Family, gauge
from paramedic_collector.files import MOST, names
from paramedic_collector.files import read as read_file
from paramedic_collector.promfile import Read, parse
from paramedic_collector.source import Context, Source

_ERROR = gauge("node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise")
_MODIFIED = gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "file")
_MOST_FILES = 1000
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was read; it is read again when its stamp has changed."""

    stamp: tuple[int, int, int]
    families: tuple[Read, ...] = ()
    problem: str = ""


class Textfile(Source):
    """The metrics of `*.prom` files in the folders of `collector.textfile.directory`."""

    name = "textfile"
    families = (_ERROR, _MODIFIED, Family("*", "untyped", "Whatever the files hold.", like="the files"))

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def collect(self, context: Context, out: Exposition) -> None:
        problems: list[str] = []
        paths = _paths(context.settings.textfile.directory, problems)
        merged: dict[str, tuple[Read, str]] = {}
        for path in paths:
            file = self._files[path] = self._read(path)
            if file.problem:
                problems.append(f"{path}: {file.problem}")
                continue
            out.add(_MODIFIED, file.stamp[0] // 10**9, file=path)
            for family in file.families:
                _merge(merged, family, path, problems)
        for gone in self._files.keys() - set(paths):
            del self._files[gone]
        for family, sources in merged.values():
            made = Family(family.name, family.kind, family.help or f"Metric read from {sources}", like="the files")
            out.of(made).extend([start + value for start, value in family.samples.items()])
        out.add(_ERROR, int(bool(problems)))
        if problems:
            more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
            out.problem = f"not all of the files could be used: {'; '.join(problems[:_MOST_NAMED])}{more}"

    def _read(self, path: str) -> _File:
        stamp = (0, 0, 0)
        try:
            facts = os.stat(path)  # noqa: PTH116  once a file and scrape
            stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if not stat.S_ISREG(facts.st_mode):
                # A FIFO would be waited for as long as nobody writes, and all other files with it.
                raise ValueError("it is no regular file")
            known = self._files.get(path)
            if known is not None and known.stamp == stamp:
                return known
            data = read_file(path)
            if len(data) >= MOST:
                raise ValueError(f"it is larger than {MOST >> 20} MiB")
            return _File(stamp, tuple(parse(data.decode("utf-8"))))
        except (OSError, ValueError) as error:
            return _File(stamp, problem=str(error))


def _paths(folders: tuple[str, ...], problems: list[str]) -> list[str]:
    """The files of all folders, which may be patterns."""
    found = []
    for pattern in folders:
        matches = sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207  strings, as the setting has them
        for folder in matches:
            if not os.path.isdir(folder):  # noqa: PTH112
                problems.append(f"{folder} is no folder that can be read")
            found += [f"{folder.rstrip('/')}/{name}" for name in names(folder) if name.endswith(".prom")]
    if len(found) > _MOST_FILES:
        problems.append(f"there are {len(found)} files, and only {_MOST_FILES} are read")
    return found[:_MOST_FILES]


def _merge(merged: dict[str, tuple[Read, str]], family: Read, path: str, problems: list[str]) -> None:
    """A family of several files is one; those that contradict the first are left out."""
    known = merged.get(family.name)
    if known is None:
        merged[family.name] = (Read(family.name, family.kind, family.help, dict(family.samples)), path)
        return
    first, sources = known
    if first.help != family.help or first.kind != family.kind:
        problems.append(f"{path}: {family.name} has another help or type in {sources}")
    elif first.samples.keys() & family.samples.keys():
        problems.append(f"{path}: {family.name} has a series that is in {sources} too")
    else:
        first.samples.update(family.samples)
        merged[family.name] = (first, f"{sources}, {path}")
