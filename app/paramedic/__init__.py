"""The top: knows every part, is known by none."""
