"""Where lines come from, one file each."""
