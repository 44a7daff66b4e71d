"""uname(2)."""

from __future__ import annotations

import os

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.source import Context, Source


class Uname(Source):
    """The kernel's name, version and host name."""

    name = "uname"
    families = (
        Family(
            "node_uname_info",
            "gauge",
            "Labeled system information as provided by the uname system call.",
            ("domainname", "machine", "nodename", "release", "sysname", "version"),
        ),
    )

    def collect(self, context: Context, out: Exposition) -> None:
        system = os.uname()
        out.add(
            self.families[0],
            1,
            sysname=system.sysname,
            release=system.release,
            version=system.version,
            machine=system.machine,
            nodename=system.nodename,
            domainname=self.files.text(context.paths.proc("sys/kernel/domainname")) or "(none)",
        )
