"""Connection tracking: /proc/sys/net/netfilter, and /proc/net/stat/nf_conntrack with a line a CPU."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, gauge
from paramedic_collector.source import Context, Source

_ENTRIES = gauge("node_nf_conntrack_entries", "Number of currently allocated flow entries for connection tracking.")
_LIMIT = gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.")
_COLUMNS = (
    # Family and its column; node_exporter has them as gauges although they only grow.
    (gauge("node_nf_conntrack_stat_found", "Number of searched entries which were successful."), 2),
    (gauge("node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked."), 4),
    (
        gauge(
            "node_nf_conntrack_stat_ignore",
            "Number of packets seen which are already connected to a conntrack entry.",
        ),
        5,
    ),
    (gauge("node_nf_conntrack_stat_insert", "Number of entries inserted into the list."), 8),
    (
        gauge(
            "node_nf_conntrack_stat_insert_failed",
            "Number of entries for which list insertion was attempted but failed.",
        ),
        9,
    ),
    (gauge("node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."), 10),
    (
        gauge(
            "node_nf_conntrack_stat_early_drop",
            "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
        ),
        11,
    ),
    (
        gauge(
            "node_nf_conntrack_stat_search_restart",
            "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
        ),
        16,
    ),
)


class Conntrack(Source):
    """Tracked connections, and how many there may be; nothing where the kernel tracks none."""

    name = "conntrack"
    families = (_ENTRIES, _LIMIT, *(family for family, _ in _COLUMNS))

    def __init__(self) -> None:
        self._path = ""

    def collect(self, context: Context, out: Exposition) -> None:
        if not self._path:
            self._path = context.paths.net("stat/nf_conntrack")
        try:
            entries = self.files.read(context.paths.proc("sys/net/netfilter/nf_conntrack_count"), whole=True)
            limit = self.files.read(context.paths.proc("sys/net/netfilter/nf_conntrack_max"), whole=True)
            lines = self.files.read(self._path).splitlines()[1:]
        except FileNotFoundError:
            return
        out.add(_ENTRIES, int(entries))
        out.add(_LIMIT, int(limit))
        rows = [line.split() for line in lines]
        for family, column in _COLUMNS:
            out.add(family, sum(int(row[column], 16) for row in rows if column < len(row)))
