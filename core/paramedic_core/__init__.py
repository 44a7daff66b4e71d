"""The bottom: what every part shares. Pure, except for `sys`."""
