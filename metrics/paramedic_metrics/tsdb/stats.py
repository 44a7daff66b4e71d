"""What the store counts: Prometheus' own names where it has one that means the same, so that its dashboards work."""

from __future__ import annotations

from paramedic_core.counters import Counters

APPENDED = "prometheus_tsdb_head_samples_appended_total"
OUT_OF_ORDER = "prometheus_tsdb_out_of_order_samples_total"
OUT_OF_BOUNDS = "prometheus_tsdb_out_of_bound_samples_total"
TOO_OLD = "prometheus_tsdb_too_old_samples_total"
CREATED = "prometheus_tsdb_head_series_created_total"
REMOVED = "prometheus_tsdb_head_series_removed_total"
COMPACTIONS = "prometheus_tsdb_compactions_total"
FAILED = "prometheus_tsdb_compactions_failed_total"
WAL_CORRUPT = "prometheus_tsdb_wal_corruptions_total"
WAL_FAILED = "prometheus_tsdb_wal_writes_failed_total"
TIME_RETENTION = "prometheus_tsdb_time_retentions_total"
SIZE_RETENTION = "prometheus_tsdb_size_retentions_total"
SERIES = "prometheus_tsdb_head_series"
BLOCK_BYTES = "prometheus_tsdb_storage_blocks_bytes"
WAL_BYTES = "prometheus_tsdb_wal_storage_size_bytes"
BLOCKS = "prometheus_tsdb_blocks_loaded"
LOWEST = "prometheus_tsdb_lowest_timestamp"
NEWEST = "prometheus_tsdb_head_max_time"
DUPLICATE = "paramedic_tsdb_duplicate_samples_total"
REFUSED_SERIES = "paramedic_tsdb_refused_series_total"
SEALED = "paramedic_tsdb_sealed_samples_total"
DAMAGED = "paramedic_tsdb_damaged_blocks_total"
LOST = "paramedic_tsdb_lost_bytes_total"
UNKNOWN = "paramedic_tsdb_unknown_series_samples_total"
GROUPS = "paramedic_tsdb_scrape_groups"
LABEL_BYTES = "paramedic_tsdb_label_bytes"
CACHE_BYTES = "paramedic_tsdb_cache_bytes"
CACHE_HITS = "paramedic_tsdb_cache_hits_total"
CACHE_MISSES = "paramedic_tsdb_cache_misses_total"
REPLAY = "paramedic_tsdb_start_seconds"
_COUNTERS = {
    APPENDED: "Samples taken in.",
    OUT_OF_ORDER: "Samples refused: their series has newer ones.",
    OUT_OF_BOUNDS: "Samples refused: beyond retention, or too far in the future.",
    TOO_OLD: "Samples refused: out of order, and beyond metrics.out_of_order.",
    DUPLICATE: "Samples refused: their series has another value at that moment.",
    CREATED: "Series that were new.",
    REMOVED: "Series of which nothing is left.",
    REFUSED_SERIES: "Times that new series were refused because of metrics.series or metrics.label_bytes.",
    COMPACTIONS: "Times that windows were sealed or parts made into larger ones.",
    FAILED: "Times that this failed; it is tried again, nothing is lost.",
    SEALED: "Samples sealed.",
    WAL_CORRUPT: "Stretches of the log that could not be read at a start.",
    WAL_FAILED: "Times that the log could not be written; samples are refused meanwhile.",
    TIME_RETENTION: "Parts removed because they were too old.",
    SIZE_RETENTION: "Parts removed because there was too much.",
    DAMAGED: "Blocks, parts and records of series that could not be read.",
    LOST: "Bytes of the log and of the list of series that could not be read at a start.",
    UNKNOWN: "Samples of the log whose series are not known by name any more.",
    CACHE_HITS: "Reads of unpacked blocks that were in memory.",
    CACHE_MISSES: "Reads of blocks that had to be unpacked.",
}
_GAUGES = {
    SERIES: "Series known.",
    BLOCK_BYTES: "Bytes of sealed blocks on the disk.",
    WAL_BYTES: "Bytes of the write-ahead log.",
    BLOCKS: "Parts: files of sealed blocks.",
    LOWEST: "The oldest sample, Unix milliseconds.",
    NEWEST: "The newest sample, Unix milliseconds.",
    LABEL_BYTES: "Bytes of the labels of all series in memory, what metrics.label_bytes bounds.",
    GROUPS: "Scrape groups that are being written.",
    CACHE_BYTES: "Bytes of unpacked blocks in memory.",
    REPLAY: "How long the last start took.",
}


def counters() -> Counters:
    """All of them, at nought."""
    made = Counters()
    for name, text in _COUNTERS.items():
        made.counter(name, text)
        made.add(name, 0)
    for name, text in _GAUGES.items():
        made.gauge(name, text)
    return made
