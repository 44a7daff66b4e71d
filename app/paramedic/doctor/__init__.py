"""What is missing on this host, and what mends it. A check is one small function in a module of `checks/`."""
