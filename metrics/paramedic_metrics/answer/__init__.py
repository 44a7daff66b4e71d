"""Answers in the form of Prometheus' HTTP API: numbers as Go writes them, JSON that is made fast."""
