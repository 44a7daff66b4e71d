"""The last hour of figures, for the page's charts: read from the collector as Prometheus would."""
