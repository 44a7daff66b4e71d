"""The embedded store: scrape groups, a write-ahead log, sealed blocks, and an index that finds series by their labels."""
