"""The checks, by subject. Their order is that of a person looking: paramedic, engine, host, containers."""
