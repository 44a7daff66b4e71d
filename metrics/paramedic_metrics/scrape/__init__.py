"""Scraping: targets found, asked at their interval, and their samples stored, all as Prometheus does it."""
