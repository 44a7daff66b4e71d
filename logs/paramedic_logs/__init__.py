"""Logs: read out of band, kept in segments with a catalogue, searched, and copied as evidence."""
