"""Node and container metrics as Prometheus expects them."""
