"""The handlers, one file each, in the order of their `order`."""
