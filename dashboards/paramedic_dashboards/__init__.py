"""The page, and files for Grafana and Prometheus."""
