"""Where lines are kept: segments of blocks, and a SQLite catalogue of them."""
