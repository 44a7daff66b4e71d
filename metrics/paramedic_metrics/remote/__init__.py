"""Samples that others send: Prometheus remote write 1.0."""
