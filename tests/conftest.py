"""What every test may use."""

pytest_plugins = ["support_engine", "support_strict"]
