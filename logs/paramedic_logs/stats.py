"""What logs counts."""

from __future__ import annotations

from paramedic_core.counters import Counters

LINES = "paramedic_logs_lines_total"
BYTES = "paramedic_logs_bytes_total"
GAPS = "paramedic_logs_gaps_total"
MALFORMED = "paramedic_logs_malformed_total"
CUT = "paramedic_logs_cut_lines_total"
DROPPED = "paramedic_logs_dropped_total"
COMMITS = "paramedic_logs_commits_total"
FAILURES = "paramedic_logs_store_failures_total"
DAMAGED = "paramedic_logs_damaged_blocks_total"
STORED = "paramedic_logs_stored_bytes"
LAG = "paramedic_logs_lag_bytes"
SOURCES = "paramedic_logs_sources"
SEARCHES = "paramedic_logs_searches_total"
EVIDENCE = "paramedic_logs_evidence_total"
_COUNTERS = {
    LINES: "Lines taken in, by origin.",
    BYTES: "Bytes of their text, by origin.",
    GAPS: "Places where lines were lost, by why.",
    MALFORMED: "Records that were none, by origin.",
    CUT: "Lines that were longer than is kept.",
    DROPPED: "What was not handed on because its reader was too slow, by whom it was for.",
    COMMITS: "Times that lines were made durable.",
    FAILURES: "Times that this failed; reading pauses until it works.",
    DAMAGED: "Blocks that could not be read back.",
    SEARCHES: "Searches answered.",
    EVIDENCE: "Moments of incidents whose lines were copied.",
}


def counters() -> Counters:
    """All of them, at nought."""
    made = Counters()
    for name, text in _COUNTERS.items():
        made.counter(name, text)
    made.gauge(STORED, "Bytes that lines take on the disk.")
    made.gauge(LAG, "Bytes that containers have written and we have not read yet.")
    made.gauge(SOURCES, "Container logs that are being read.")
    return made
