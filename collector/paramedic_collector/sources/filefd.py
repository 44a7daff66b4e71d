"""/proc/sys/fs/file-nr, proc_sys_fs(5)."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source


class Filefd(Source):
    """Open files of the whole system, and how many there may be."""

    name = "filefd"
    families = (
        gauge("node_filefd_allocated", "File descriptor statistics: allocated."),
        gauge("node_filefd_maximum", "File descriptor statistics: maximum."),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        path = context.paths.proc("sys/fs/file-nr")
        words = self.files.read(path, whole=True).split()
        if len(words) != 3:
            raise ValueError(f"{path} has not three numbers")
        out.add(self.families[0], int(words[0]))
        out.add(self.families[1], int(words[2]))
