"""The triggers, one file each: pure."""
