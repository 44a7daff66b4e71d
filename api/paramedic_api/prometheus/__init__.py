"""Prometheus' HTTP API below `/prometheus`: parameters, errors and answers in its own forms."""
